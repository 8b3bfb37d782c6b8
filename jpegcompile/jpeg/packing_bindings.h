// Python bindings of packing.h, unpacking.h and packed_image.h. jpegcompile/_core.pyi has their types.
#pragma once

#include <nanobind/nanobind.h>

namespace jpegcompile {

void bind_packing(nanobind::module_& module);

}  // namespace jpegcompile
