#include "stand_in_image.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>

namespace stand_in_cuda {
namespace {

template <typename T>
bool read(const std::string& image, size_t at, T* value) {
  if (at > image.size() || image.size() - at < sizeof(T)) return false;
  std::memcpy(value, image.data() + at, sizeof(T));
  return true;
}

// The content of a section; empty if there is none.
std::string section(const std::string& image, const std::string& wanted) {
  uint64_t headers = 0, names = 0, offset = 0, size = 0;
  uint16_t each = 0, count = 0, strings = 0;
  if (!read(image, 40, &headers) || !read(image, 58, &each) || !read(image, 60, &count) ||
      !read(image, 62, &strings) || !read(image, headers + size_t{strings} * each + 24, &names)) {
    return "";
  }
  for (size_t i = 0; i < count; ++i) {
    uint32_t name = 0;
    const size_t header = headers + i * each;
    if (!read(image, header, &name) || names + name >= image.size()) return "";
    if (image.c_str() + names + name != wanted) continue;
    if (!read(image, header + 24, &offset) || !read(image, header + 32, &size)) return "";
    return image.substr(offset, size);
  }
  return "";
}

}  // namespace

size_t size_of_image(const char* image) {
  uint64_t headers = 0, size = 0, offset = 0;
  uint16_t each = 0, count = 0;
  std::memcpy(&headers, image + 40, 8);
  std::memcpy(&each, image + 58, 2);
  std::memcpy(&count, image + 60, 2);
  size_t end = headers + size_t{each} * count;
  for (size_t i = 0; i < count; ++i) {
    uint32_t type = 0;
    std::memcpy(&type, image + headers + i * each + 4, 4);
    std::memcpy(&offset, image + headers + i * each + 24, 8);
    std::memcpy(&size, image + headers + i * each + 32, 8);
    if (type != 8) end = std::max<size_t>(end, offset + size);
  }
  return end;
}

std::vector<size_t> parameters_of(const std::string& image, const std::string& entry) {
  const std::string info = section(image, ".nv.info." + entry);
  std::map<int, size_t> sizes;
  for (size_t at = 0; at + 4 <= info.size();) {
    uint16_t length = 0, ordinal = 0;
    uint32_t flags = 0;
    read(info, at + 2, &length);
    const bool has_size = info[at] == 4;
    if (has_size && info[at + 1] == 0x17 && read(info, at + 8, &ordinal) &&
        read(info, at + 12, &flags)) {
      sizes[ordinal] = flags >> 18;
    }
    at += 4 + (has_size ? length : 0);
  }
  std::vector<size_t> found;
  for (const auto& [ordinal, size] : sizes) found.push_back(size);
  return found;
}

}  // namespace stand_in_cuda
