// Calls of operators with what comes out of them.
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

// Where the elements of a map stand in memory: [N, C, H, W] in groups of 1; in groups of 16
// channels; or, of tiles in such groups, only the coefficients u + v < frequencies (0: all), one
// tile behind the other at the beginning of the tensor (kernels/tiles/band.h).
struct Order {
  Order(int64_t group = 1, int64_t block = 1, int64_t frequencies = 0)
      : group(group), block(block), frequencies(frequencies) {}

  bool is_compact() const { return frequencies > 0 && frequencies < 2 * block - 1; }
  // Frequencies of a tile that have a place.
  int64_t held() const { return is_compact() ? frequencies : 2 * block - 1; }
  // Coefficients of a tile that have a place, of those before (u, v) in row-major order.
  int64_t places_before(int64_t u, int64_t v) const;
  // Elements of one image of a tensor.
  size_t image_elements(const Value& value) const;

  int64_t group, block, frequencies;
};

struct Case;

// A change that makes a case one that has to be refused, and words of the cause.
struct Refusal {
  std::string cause;
  std::function<void(Case&)> change;
};

struct Case {
  std::string op;
  stand_in::Attributes attributes;
  std::vector<Value> inputs;
  std::set<size_t> constants;  // which inputs are in the model
  Map expected;                // not a number where rounding may decide
  double allowed = 0;          // difference of each element
  Order y_order = {};
  Order x_order = {};
  int64_t frequencies = 0;          // whatever else a tile of y has are zeros; 0: all may be there
  std::vector<Value> exact = {};    // every output, where it is known to the bit
  std::vector<char> is_sparse = {}; // images that a first convolution has no pixels of
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

// Values between -1 and 1, and the coefficients of such pixels; all are float32.
Map random_map(Random& random, int64_t batch, int64_t channels, int64_t height, int64_t width);
Map random_blocks(Random& random, const Map& shape, int64_t block);

// The map as a float32 tensor, and back. Coefficients without a place are zeros, and places without
// a coefficient hold no numbers.
Value tensor(const Map& map, const Order& order = {});
Map map_of(const Value& value, const Order& order = {});

// A tensor of any shape from as many values.
Value numbers(const std::vector<double>& values, std::vector<int64_t> shape);
Value integers(const std::vector<int64_t>& values);
// What stands for the transforms, which function bodies take and kernels know.
Value unused();
void add_unused(Case& one, size_t count);

// 1 where u + v < frequencies in each tile.
Value band(int64_t height, int64_t width, int64_t block, int64_t frequencies);

// The largest difference that so many roundings of numbers up to `magnitude` can make.
inline double rounding(double count, double magnitude) { return 0x1p-24 * count * magnitude; }
// Roundings of a transform, of which each step sums at most `block` products along two axes.
inline double transform_roundings(int64_t block) { return 4.0 * static_cast<double>(block) + 8; }

// Groups of input and output in turn, where channels fill groups.
struct Layout {
  int64_t x = 1, y = 1;
};
Layout layout(size_t turn, int64_t x_channels, int64_t y_channels);

// Tiles in groups of channels are whole, or compact with few or many frequencies.
Order order_of(size_t turn, int64_t group, int64_t block);
// A map to take, of which other coefficients than those that stand in memory are zero.
Map random_operand(Random& random, const Map& shape, const Order& order);
// Few frequencies of what is expected are kept, for which the result has so many places; 0: whole
// tiles, as where channels do not stand in groups.
void hold(Case& made, int64_t kept, int64_t places);

// Sizes of maps that are awkward for strips, vectors and groups.
struct TileShape {
  int64_t batch, channels, height, width, block;
};
const std::vector<TileShape>& tile_shapes();

// Tiles of what is expected hold no other coefficients than those of so many frequencies; in groups
// of channels they stand compactly in most turns.
void keep(int64_t frequencies, size_t turn, Case& made);
// What is expected is truncated, by a band that is the last of the inputs.
void truncate(size_t turn, Case& made);

// What follows a convolution's sums: its operands are added to the case, and pixels are changed.
Map activated(Random& random, const std::string& activation, size_t turn, const Map& pixels,
              Case& made);

// Which cases to make: expected results take longer than the kernels.
class Selection {
 public:
  // A quick run has a quarter of each operator's cases. No names: all operators.
  Selection(bool is_quick, std::set<std::string> names)
      : is_quick_(is_quick), names_(std::move(names)) {}

  bool has(const std::string& op) const { return names_.empty() || names_.contains(op); }
  // Of the operator's next case.
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
