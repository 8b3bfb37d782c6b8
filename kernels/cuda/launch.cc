#include "cuda/launch.h"

#include <algorithm>
#include <array>
#include <string>

namespace jpegcompile::cuda {
namespace {

constexpr int64_t kAlignment = 16;
constexpr unsigned kWarp = 32;
// Largest dimensions of a grid.
constexpr int64_t kMaxX = INT32_MAX, kMaxY = 65535;

[[noreturn]] void fail(const Cubin& cubin, std::string_view argument, const std::string& cause) {
  throw KernelError(cubin.title() + ": argument '" + std::string(argument) + "' " + cause);
}

// Whether an integer type of this size can represent the value.
bool holds(const ParameterPlace& place, int64_t value) {
  if (place.size >= sizeof(value)) return true;
  const int64_t bound = int64_t{1} << (8 * place.size - 1);
  return value >= -bound && value < bound;
}

void check(const Cubin& cubin, const Parameter& parameter, const Arguments::One& one) {
  const bool is_integer = parameter.type.front() == 'i';
  if (parameter.is_pointer() != one.is_pointer || (!one.is_pointer && !is_integer)) {
    fail(cubin, one.name, std::string(one.is_pointer ? "is a pointer" : "is an integer") +
                              ", but the kernel expects " + parameter.type);
  }
  if (!one.is_pointer && !holds(parameter.place, one.value)) {
    fail(cubin, one.name,
         "is " + std::to_string(one.value) + ", out of range for " + parameter.type);
  }
  if (is_aligned(one.name, one.is_pointer) && one.value % kAlignment != 0) {
    fail(cubin, one.name, "is " + std::to_string(one.value) + ", not a multiple of 16");
  }
}

// Values in the order of the parameters. Values are little-endian, so a smaller type is their first
// bytes.
std::vector<int64_t> ordered(const Cubin& cubin, const Arguments& arguments) {
  // The last two are null pointers.
  std::vector<int64_t> values(cubin.parameters.size() + 2);
  std::vector<bool> is_given(cubin.parameters.size());
  for (const Arguments::One& one : arguments.all()) {
    const auto found = cubin.ordinals.find(one.name);
    if (found == cubin.ordinals.end()) fail(cubin, one.name, "is unknown to the kernel");
    const size_t ordinal = found->second;
    if (is_given[ordinal]) fail(cubin, one.name, "is given twice");
    check(cubin, cubin.parameters[ordinal], one);
    is_given[ordinal] = true;
    values[ordinal] = one.value;
  }
  const auto missing = std::ranges::find(is_given, false);
  if (missing != is_given.end()) {
    const auto ordinal = static_cast<size_t>(missing - is_given.begin());
    fail(cubin, cubin.parameters[ordinal].name, "is missing");
  }
  return values;
}

void check(const Cubin& cubin, const Grid& grid) {
  const bool fits = grid.x >= 1 && grid.x <= kMaxX && grid.y >= 1 && grid.y <= kMaxY &&
                    grid.z >= 1 && grid.z <= kMaxY;
  if (fits) return;
  throw KernelError(cubin.title() + ": a grid of " + std::to_string(grid.x) + "x" +
                    std::to_string(grid.y) + "x" + std::to_string(grid.z) +
                    " programs exceeds the limits of CUDA; run fewer images at once");
}

}  // namespace

bool is_aligned(std::string_view name, bool is_pointer) {
  constexpr std::array<std::string_view, 3> kNames = {"channels", "span", "last_start"};
  constexpr std::array<std::string_view, 4> kEnds = {"_image", "_row", "_pixel", "_group"};
  return is_pointer || std::ranges::find(kNames, name) != kNames.end() ||
         std::ranges::any_of(kEnds, [&](std::string_view end) { return name.ends_with(end); });
}

void launch(Contexts& contexts, const CurrentContext& current, Stream stream, const Cubin& cubin,
            const Grid& grid, const Arguments& arguments) {
  check(cubin, grid);
  std::vector<int64_t> values = ordered(cubin, arguments);
  std::vector<void*> pointers;
  for (int64_t& value : values) pointers.push_back(&value);
  const Function function = contexts.function(current, cubin);
  try {
    contexts.driver().launch(function, static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y),
                             static_cast<unsigned>(grid.z),
                             kWarp * static_cast<unsigned>(cubin.warps), 1, 1,
                             static_cast<unsigned>(cubin.shared_bytes), stream, pointers.data(),
                             nullptr);
  } catch (const DriverError& error) {
    throw DriverError(std::string(error.what()) + " for " + cubin.title());
  }
}

}  // namespace jpegcompile::cuda
