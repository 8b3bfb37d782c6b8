#include "cuda/elf.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "tiles/tensor.h"

namespace jpegcompile::cuda {
namespace {

using Bytes = std::span<const std::byte>;

[[noreturn]] void fail(const std::string& cause) {
  throw KernelError("the cubin is damaged: " + cause);
}

Bytes part(Bytes all, uint64_t offset, uint64_t size, const char* what) {
  if (offset > all.size() || size > all.size() - offset) {
    fail(std::string(what) + " exceeds the file");
  }
  return all.subspan(offset, size);
}

template <typename T>
T number(Bytes all, uint64_t offset, const char* what) {
  T value;
  std::memcpy(&value, part(all, offset, sizeof(T), what).data(), sizeof(T));
  return value;
}

// A section of a little-endian ELF-64 file.
struct Section {
  uint32_t name;
  Bytes content;
};

// Sections without bytes in the file have no content.
Section section_at(Bytes elf, uint64_t header) {
  constexpr uint32_t kNoBits = 8;
  const auto type = number<uint32_t>(elf, header + 4, "a section header");
  const auto offset = number<uint64_t>(elf, header + 24, "a section header");
  const auto size = number<uint64_t>(elf, header + 32, "a section header");
  return {number<uint32_t>(elf, header, "a section header"),
          type == kNoBits ? Bytes{} : part(elf, offset, size, "a section")};
}

std::string_view text_at(Bytes names, uint32_t offset) {
  const Bytes rest = part(names, offset, names.size() - std::min<size_t>(offset, names.size()),
                          "the name of a section");
  const auto end = std::ranges::find(rest, std::byte{0});
  if (end == rest.end()) fail("the name of a section does not end");
  return {reinterpret_cast<const char*>(rest.data()), static_cast<size_t>(end - rest.begin())};
}

std::optional<Bytes> section_named(Bytes elf, const std::string& wanted) {
  constexpr unsigned char kMagic[] = {0x7F, 'E', 'L', 'F', 2, 1};
  if (std::memcmp(part(elf, 0, 64, "the header").data(), kMagic, sizeof(kMagic)) != 0) {
    fail("it is not a little-endian 64-bit ELF file");
  }
  const auto headers = number<uint64_t>(elf, 40, "the header");
  const auto size = number<uint16_t>(elf, 58, "the header");
  const auto count = number<uint16_t>(elf, 60, "the header");
  const auto of_names = number<uint16_t>(elf, 62, "the header");
  part(elf, headers, uint64_t{size} * std::max(count, of_names), "the table of sections");
  const Bytes names = section_at(elf, headers + uint64_t{of_names} * size).content;
  for (uint64_t index = 0; index < count; ++index) {
    const Section section = section_at(elf, headers + index * size);
    if (text_at(names, section.name) == wanted) return section.content;
  }
  return std::nullopt;
}

}  // namespace

std::vector<ParameterPlace> parameter_places(Bytes elf, const std::string& entry) {
  constexpr uint8_t kHasSize = 4, kParameter = 0x17;
  const std::optional<Bytes> info = section_named(elf, ".nv.info." + entry);
  if (!info) fail("it has no kernel " + entry);
  std::vector<std::optional<ParameterPlace>> found;
  const char* const kWhat = "an attribute";
  for (uint64_t at = 0; at < info->size();) {
    const auto form = number<uint8_t>(*info, at, kWhat),
               kind = number<uint8_t>(*info, at + 1, kWhat);
    const auto value = number<uint16_t>(*info, at + 2, kWhat);
    at += 4;
    if (form != kHasSize) continue;
    const Bytes content = part(*info, at, value, kWhat);
    at += value;
    if (kind != kParameter) continue;
    const auto ordinal = number<uint16_t>(content, 4, kWhat);
    if (ordinal >= found.size()) found.resize(size_t{ordinal} + 1);
    if (found[ordinal]) fail("parameter " + std::to_string(ordinal) + " is duplicated");
    found[ordinal] = {number<uint16_t>(content, 6, kWhat),
                      number<uint32_t>(content, 8, kWhat) >> 18};
  }
  std::vector<ParameterPlace> places;
  for (const auto& one : found) {
    if (!one) fail("parameter " + std::to_string(places.size()) + " is missing");
    places.push_back(*one);
  }
  return places;
}

}  // namespace jpegcompile::cuda
