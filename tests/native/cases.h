// Calls of operators with their expected results.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "reference.h"
#include "stand_in.h"

namespace jpegcompile {

using reference::Map;
using stand_in::Value;

// Layout of a map in memory: [N, C, H, W] if `group` is 1; otherwise groups of 16 channels. In
// groups, tiles may be compact: only the coefficients u + v < frequencies (0: all) are stored, tile
// after tile from the start of the tensor (kernels/tiles/band.h).
struct Order {
  Order(int64_t group = 1, int64_t block = 1, int64_t frequencies = 0)
      : group(group), block(block), frequencies(frequencies) {}

  bool is_compact() const { return frequencies > 0 && frequencies < 2 * block - 1; }
  // Number of frequencies stored of a tile.
  int64_t held() const { return is_compact() ? frequencies : 2 * block - 1; }
  // Number of stored coefficients of a tile before (u, v), in row-major order.
  int64_t places_before(int64_t u, int64_t v) const;
  // Number of elements of one image of a tensor.
  size_t image_elements(const Value& value) const;

  int64_t group, block, frequencies;
};

struct Case;

// A change that makes a case invalid, and a part of the expected error.
struct Refusal {
  std::string cause;
  std::function<void(Case&)> change;
};

struct Case {
  std::string op;
  stand_in::Attributes attributes;
  std::vector<Value> inputs;
  std::set<size_t> constants;  // inputs that are in the model
  Map expected;                // NaN where rounding may change the result
  double allowed = 0;          // tolerance of each element
  Order y_order = {};
  Order x_order = {};
  int64_t frequencies = 0;          // other coefficients of y's tiles are zero; 0: none must be
  std::vector<Value> exact = {};    // every output, if known bit by bit
  std::vector<char> is_sparse = {}; // images for which a first convolution takes the sparse path
  std::vector<Refusal> refusals = {};
  bool may_allocate = false;  // at every call
};

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // A float32 between -1 and 1.
  double number() { return static_cast<float>(static_cast<int64_t>(engine_() >> 40) - (1 << 23)) * 0x1p-23F; }
  int64_t below(int64_t end) { return static_cast<int64_t>(engine_() % static_cast<uint64_t>(end)); }

 private:
  std::mt19937_64 engine_;
};

// Random pixels between -1 and 1, and the coefficients of such pixels. All values are float32.
Map random_map(Random& random, int64_t batch, int64_t channels, int64_t height, int64_t width);
Map random_blocks(Random& random, const Map& shape, int64_t block);

// Convert a map to a float32 tensor, and back. Coefficients that are not stored are zero. Unused
// elements of the tensor are NaN.
Value tensor(const Map& map, const Order& order = {});
Map map_of(const Value& value, const Order& order = {});

// A tensor of this shape, with these values.
Value numbers(const std::vector<double>& values, std::vector<int64_t> shape);
Value integers(const std::vector<int64_t>& values);
// A placeholder for the transforms, which only function bodies use.
Value unused();
void add_unused(Case& one, size_t count);

// 1 where u + v < frequencies in each tile, 0 elsewhere.
Value band(int64_t height, int64_t width, int64_t block, int64_t frequencies);

// The largest error that `count` roundings of numbers up to `magnitude` can cause.
inline double rounding(double count, double magnitude) { return 0x1p-24 * count * magnitude; }
// Number of roundings of a transform. Each step sums at most `block` products along two axes.
inline double transform_roundings(int64_t block) { return 4.0 * static_cast<double>(block) + 8; }

// Alternating layouts of input and output; groups only if channels fill them.
struct Layout {
  int64_t x = 1, y = 1;
};
Layout layout(size_t turn, int64_t x_channels, int64_t y_channels);

// For grouped channels, tiles are whole, or compact with few or many frequencies.
Order order_of(size_t turn, int64_t group, int64_t block);
// A random input map. Coefficients that its layout does not store are zero.
Map random_operand(Random& random, const Map& shape, const Order& order);
// Keeps few frequencies of the expected result, which stores `places` frequencies; 0: whole tiles,
// as in NCHW.
void hold(Case& made, int64_t kept, int64_t places);

// Sizes of maps that are awkward for strips, vectors and groups.
struct TileShape {
  int64_t batch, channels, height, width, block;
};
const std::vector<TileShape>& tile_shapes();

// Declares that tiles of the expected result contain only this many frequencies. Grouped results
// are compact in most turns.
void keep(int64_t frequencies, size_t turn, Case& made);
// Truncates the expected result by a band, which becomes the last input.
void truncate(size_t turn, Case& made);

// Applies the activation of a convolution to pixels, and adds its operands to the case.
Map activated(Random& random, const std::string& activation, size_t turn, const Map& pixels,
              Case& made);

// Selects cases, because computing expected results takes longer than the kernels.
class Selection {
 public:
  // A quick run has a quarter of each operator's cases. Without names, all operators are selected.
  Selection(bool is_quick, std::set<std::string> names)
      : is_quick_(is_quick), names_(std::move(names)) {}

  bool has(const std::string& op) const { return names_.empty() || names_.contains(op); }
  // Whether the operator's next case is selected.
  bool takes(const std::string& op) {
    const size_t number = seen_[op]++;
    return has(op) && (!is_quick_ || (number + op.size()) % 4 == 0);
  }

 private:
  bool is_quick_;
  std::set<std::string> names_;
  std::map<std::string, size_t> seen_;
};

std::vector<Case> channel_cases(Selection& selection);
std::vector<Case> convolution_cases(Selection& selection);
#ifdef JPEGCOMPILE_CORPUS
std::vector<Case> decode_cases(Selection& selection);
std::vector<Case> preprocessing_cases(Selection& selection);
#endif
std::vector<Case> first_convolution_cases(Selection& selection);
std::vector<Case> ingest_cases(Selection& selection);
std::vector<Case> map_cases(Selection& selection);
std::vector<Case> program_cases(Selection& selection);
std::vector<Case> tile_cases(Selection& selection);
std::vector<Case> transposed_cases(Selection& selection);
std::vector<Case> window_cases(Selection& selection);

}  // namespace jpegcompile
