// Python bindings of learning/tiles.h. jpegcompile/_core.pyi has their types.
#pragma once

#include <nanobind/nanobind.h>

namespace jpegcompile {

void bind_learning(nanobind::module_& module);

}  // namespace jpegcompile
