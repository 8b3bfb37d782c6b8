// Python bindings of the integer decode, for tests and benchmarks.
#pragma once

#include <nanobind/nanobind.h>

namespace jpegcompile {

void bind_integer_decode(nanobind::module_& module);

}  // namespace jpegcompile
