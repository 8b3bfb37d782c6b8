// The Python face of preprocessor.h; jpegcompile/_core.pyi describes it to type checkers.
#pragma once

#include <nanobind/nanobind.h>

namespace jpegcompile {

void bind_preprocess(nanobind::module_& module);

}  // namespace jpegcompile
