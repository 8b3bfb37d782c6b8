// Parameters of a kernel as its cubin describes them: the attributes EIATTR_KPARAM_INFO of the
// section .nv.info.ENTRY of a 64-bit ELF file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace jpegcompile::cuda {

// In bytes.
struct ParameterPlace {
  size_t offset;
  size_t size;
};

// Returns the place of each parameter of a kernel, by ordinal. Throws KernelError if the file is
// damaged or has no such kernel.
std::vector<ParameterPlace> parameter_places(std::span<const std::byte> elf,
                                             const std::string& entry);

}  // namespace jpegcompile::cuda
