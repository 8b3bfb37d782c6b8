// Python bindings of preprocessor.h. jpegcompile/_core.pyi declares their types.
#pragma once

#include <nanobind/nanobind.h>

namespace jpegcompile {

void bind_preprocess(nanobind::module_& module);

}  // namespace jpegcompile
