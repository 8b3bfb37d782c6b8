// The stand-in driver's reader of cubins, independent of the library's reader.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace stand_in_cuda {

// Size of an ELF file whose table of sections is at its end.
size_t size_of_image(const char* image);

// Sizes of a kernel's parameters; empty if there is no such kernel.
std::vector<size_t> parameters_of(const std::string& image, const std::string& entry);

}  // namespace stand_in_cuda
