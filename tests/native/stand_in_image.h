// What the stand-in for the driver reads in cubins, apart from the library's own reader.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace stand_in_cuda {

// The bytes of an ELF file, whose table of sections comes last or whose size is known by it.
size_t size_of_image(const char* image);

// The sizes of a kernel's parameters; empty where there is no such kernel.
std::vector<size_t> parameters_of(const std::string& image, const std::string& entry);

}  // namespace stand_in_cuda
