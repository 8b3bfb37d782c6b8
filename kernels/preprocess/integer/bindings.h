// Integer decoding in the Python module `_core`; for tests and measurements.
#pragma once

#include <nanobind/nanobind.h>

namespace jpegcompile {

void bind_integer_decode(nanobind::module_& module);

}  // namespace jpegcompile
