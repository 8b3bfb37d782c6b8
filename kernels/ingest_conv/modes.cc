#include "ingest_conv/modes.h"

#include <algorithm>
#include <cmath>

namespace jpegcompile {
namespace {

// Matrices in float32, multiplied by a transform in float64, differ by about 1e-7 between equal
// blocks. Differences at the border are above 0.02.
constexpr double kNothing = 1e-6;
// Extra modes of an axis. The size of the tables of responses grows with the square of this number.
constexpr size_t kMaxExtraModes = 4;
// Sampling factors of a JPEG file are 1 to 4 (ITU-T T.81, B.2.2).
constexpr int64_t kMaxUpsampling = 4;

// Values of the 8 frequencies of a block over a window of pixels, [width][8]; zeros outside the
// image.
using BlockFunctions = std::vector<std::array<double, kFrequencies>>;

BlockFunctions functions_of(const PixelMatrix& matrix, const AxisModes& axis, int64_t block) {
  BlockFunctions functions(static_cast<size_t>(axis.width));
  for (int64_t index = 0; index < axis.width; ++index) {
    const int64_t pixel = block * axis.pitch + axis.first + index;
    if (pixel < 0 || pixel >= matrix.pixels) continue;
    const double* row =
        matrix.values.data() + (pixel * matrix.blocks + block) * kFrequencies;
    std::copy_n(row, kFrequencies, functions[static_cast<size_t>(index)].begin());
  }
  return functions;
}

BlockFunctions difference(BlockFunctions one, const BlockFunctions& other) {
  for (size_t pixel = 0; pixel < one.size(); ++pixel) {
    for (size_t u = 0; u < kFrequencies; ++u) one[pixel][u] -= other[pixel][u];
  }
  return one;
}

// The position of the entry with the largest magnitude.
struct Peak {
  size_t pixel = 0, frequency = 0;
  double value = 0;
};

Peak peak_of(const BlockFunctions& functions) {
  Peak peak;
  for (size_t pixel = 0; pixel < functions.size(); ++pixel) {
    for (size_t u = 0; u < kFrequencies; ++u) {
      const double value = functions[pixel][u];
      if (std::abs(value) > std::abs(peak.value)) peak = {pixel, u, value};
    }
  }
  return peak;
}

// Finds the window of pixels that contains all blocks, relative to their origins.
void find_window(const PixelMatrix& matrix, AxisModes& axis) {
  int64_t first = matrix.pixels, last = -matrix.pixels;
  for (int64_t pixel = 0; pixel < matrix.pixels; ++pixel) {
    const double* row = matrix.values.data() + pixel * matrix.blocks * kFrequencies;
    for (int64_t index = 0; index < matrix.blocks * kFrequencies; ++index) {
      if (std::abs(row[index]) <= kNothing) continue;
      const int64_t place = pixel - index / kFrequencies * axis.pitch;
      first = std::min(first, place);
      last = std::max(last, place);
    }
  }
  axis.first = first;
  axis.width = std::max<int64_t>(last + 1 - first, 0);
}

bool are_equal(const BlockFunctions& one, const BlockFunctions& other) {
  return std::abs(peak_of(difference(one, other)).value) <= kNothing;
}

// Returns the functions of most blocks.
BlockFunctions common(const std::vector<BlockFunctions>& blocks) {
  std::vector<std::pair<const BlockFunctions*, int64_t>> kinds;
  for (const BlockFunctions& block : blocks) {
    const auto known = std::ranges::find_if(
        kinds, [&](const auto& kind) { return are_equal(*kind.first, block); });
    if (known == kinds.end()) {
      kinds.emplace_back(&block, 1);
    } else {
      ++known->second;
    }
  }
  return *std::ranges::max_element(kinds, {}, [](const auto& kind) { return kind.second; })->first;
}

// Decomposes the difference of a block into products of a function of pixels and a function of
// frequencies, starting at the largest entry. Each product makes the row and the column of its
// entry zero.
bool add_edge(BlockFunctions rest, AxisModes& axis) {
  AxisModes::Edge edge;
  edge.first = axis.modes();
  for (Peak peak = peak_of(rest); std::abs(peak.value) > kNothing; peak = peak_of(rest)) {
    if (axis.functions.size() == kFrequencies + kMaxExtraModes) return false;
    std::vector<double> function;
    std::array<double, kFrequencies> factors;
    for (const auto& values : rest) function.push_back(values[peak.frequency]);
    for (size_t u = 0; u < kFrequencies; ++u) factors[u] = rest[peak.pixel][u] / peak.value;
    for (size_t pixel = 0; pixel < rest.size(); ++pixel) {
      for (size_t u = 0; u < kFrequencies; ++u) rest[pixel][u] -= function[pixel] * factors[u];
    }
    axis.functions.push_back(std::move(function));
    auto& rounded = edge.factors.emplace_back();
    std::ranges::transform(factors, rounded.begin(),
                           [](double v) { return static_cast<float>(v); });
  }
  axis.edges.push_back(std::move(edge));
  return true;
}

// Returns the modes if blocks are `pitch` pixels apart.
std::optional<AxisModes> modes_at(const PixelMatrix& matrix, int64_t pitch) {
  AxisModes axis;
  axis.blocks = matrix.blocks;
  axis.pitch = pitch;
  if (axis.blocks == 0) return std::nullopt;
  find_window(matrix, axis);
  if (axis.width == 0) return std::nullopt;
  std::vector<BlockFunctions> blocks;
  for (int64_t block = 0; block < axis.blocks; ++block) {
    blocks.push_back(functions_of(matrix, axis, block));
  }
  const BlockFunctions usual = common(blocks);
  for (size_t u = 0; u < kFrequencies; ++u) {
    auto& function = axis.functions.emplace_back();
    for (const auto& values : usual) function.push_back(values[u]);
  }
  for (const BlockFunctions& block : blocks) {
    BlockFunctions rest = difference(block, usual);
    const bool is_usual = std::abs(peak_of(rest).value) <= kNothing;
    axis.edge_of.push_back(is_usual ? -1 : static_cast<int>(axis.edges.size()));
    if (!is_usual && !add_edge(std::move(rest), axis)) return std::nullopt;
  }
  return axis;
}

}  // namespace

std::optional<AxisModes> AxisModes::of(const PixelMatrix& matrix) {
  std::optional<AxisModes> best;
  for (int64_t factor = 1; factor <= kMaxUpsampling; ++factor) {
    const int64_t pitch = kFrequencies * factor;
    if ((matrix.pixels + pitch - 1) / pitch != matrix.blocks) continue;
    std::optional<AxisModes> found = modes_at(matrix, pitch);
    if (found && (!best || found->modes() < best->modes())) best = std::move(found);
  }
  return best;
}

}  // namespace jpegcompile
