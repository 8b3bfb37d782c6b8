#include "preprocess/axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

namespace jpegcompile {
namespace {

// A matrix [sample][frequency] of an inverse DCT (T.81, A.3.3). If its order is below kBlock, the
// other entries are zero. Frequencies are contiguous, so that loops over them use vectors.
using DctMatrix = std::array<std::array<double, kBlock>, kBlock>;

DctMatrix make_dct_matrix(int64_t order) {
  DctMatrix matrix{};
  const auto size = static_cast<double>(order);
  for (int64_t frequency = 0; frequency < order; ++frequency) {
    const double scale = std::sqrt((frequency == 0 ? 1.0 : 2.0) / size);
    for (int64_t sample = 0; sample < order; ++sample) {
      const auto turns = static_cast<double>((2 * sample + 1) * frequency);
      matrix[static_cast<size_t>(sample)][static_cast<size_t>(frequency)] =
          scale * std::cos(turns * std::numbers::pi / (2.0 * size));
    }
  }
  return matrix;
}

const DctMatrix& dct_matrix(int64_t order) {
  static const std::array<DctMatrix, 4> matrices = {make_dct_matrix(1), make_dct_matrix(2),
                                                    make_dct_matrix(4), make_dct_matrix(8)};
  return matrices[order == 1 ? 0 : order == 2 ? 1 : order == 4 ? 2 : 3];
}

// Converts taps on pixels to taps on the samples of a component, which is upsampled to pixels; see
// jpegcompile/dct/upsampling.py.
AxisTaps upsampled(const AxisTaps& pixels, const AxisKey& key) {
  if (key.factor == 1) return pixels;
  const bool is_triangle = key.is_triangle && key.factor == 2;
  const int64_t last = key.true_size - 1, reach = is_triangle ? 1 : 0;
  AxisTaps samples;
  samples.reserve(pixels.runs().size(), pixels.runs().size() * 4);
  std::vector<double> weights;
  for (const AxisTaps::Run& run : pixels.runs()) {
    const int64_t from = std::clamp<int64_t>(run.first / key.factor - reach, 0, last);
    const int64_t to = (run.first + run.count - 1) / key.factor + reach;
    weights.assign(static_cast<size_t>(std::min(to, last) - from + 1), 0.0);
    for (int64_t index = 0; index < run.count; ++index) {
      const int64_t pixel = run.first + index;
      const int64_t near = std::min(pixel / key.factor, last);
      const double weight = pixels.weights(run)[index];
      if (!is_triangle) {
        weights[static_cast<size_t>(near - from)] += weight;
        continue;
      }
      const int64_t far = std::clamp<int64_t>(pixel / 2 + 2 * (pixel % 2) - 1, 0, last);
      weights[static_cast<size_t>(near - from)] += 0.75 * weight;
      weights[static_cast<size_t>(far - from)] += 0.25 * weight;
    }
    samples.add(from, weights);
  }
  return samples;
}

int64_t first_block_of(const AxisTaps::Run& run) { return run.first / kBlock; }
int64_t last_block_of(const AxisTaps::Run& run) { return (run.first + run.count - 1) / kBlock; }

// Returns the factors of an output for the 8 frequencies of a block.
std::array<double, kBlock> frequencies(const AxisTaps& samples, const AxisTaps::Run& run,
                                       int64_t block) {
  const DctMatrix& dct = dct_matrix(kBlock);
  std::array<double, kBlock> factors{};
  const int64_t from = std::max(run.first, kBlock * block);
  const int64_t to = std::min(run.first + run.count, kBlock * (block + 1));
  for (int64_t sample = from; sample < to; ++sample) {
    const double weight = samples.weights(run)[sample - run.first];
    const auto place = static_cast<size_t>(sample - kBlock * block);
    for (size_t frequency = 0; frequency < kBlock; ++frequency) {
      factors[frequency] += weight * dct[place][frequency];
    }
  }
  return factors;
}

// As in jpegcompile/dct/axis_operator.py: frequency k of a block has a standard deviation of
// kDeviation / k levels, and dropped frequencies may change pixels by a root mean square of
// kMaxError levels.
constexpr double kDeviation = 45.0, kMaxError = 0.2;

// Returns how many of the 8 frequencies of a block are used.
int64_t used_frequencies(const AxisKey& key, const AxisTaps& samples) {
  if (key.frequencies != 0) return key.frequencies;
  const AxisPlacement& axis = key.placement;
  if (!axis.is_scaled || axis.source < 2 * key.factor * axis.target) return kBlock;
  std::array<double, kBlock> squares{};  // sums over outputs of squared factors
  double outputs = 0.0;
  for (const AxisTaps::Run& run : samples.runs()) {
    if (run.count == 0) continue;
    outputs += 1.0;
    for (int64_t block = first_block_of(run); block <= last_block_of(run); ++block) {
      const auto factors = frequencies(samples, run, block);
      for (size_t k = 0; k < kBlock; ++k) squares[k] += factors[k] * factors[k];
    }
  }
  int64_t used = kBlock;
  double variance = 0.0;
  for (size_t k = kBlock - 1; k >= 2; --k) {
    const double deviation = kDeviation / static_cast<double>(k);
    variance += squares[k] * deviation * deviation;
    if (variance > kMaxError * kMaxError * outputs) break;
    if (k == 4 || k == 2) used = static_cast<int64_t>(k);
  }
  return used;
}

template <typename Number>
void combine(size_t& hash, Number value) {
  hash ^= std::hash<Number>{}(value) + 0x9E3779B97F4A7C15U + (hash << 6) + (hash >> 2);
}

}  // namespace

size_t AxisHash::operator()(const AxisPlacement& axis) const noexcept {
  size_t hash = 0;
  for (const int64_t value :
       {axis.source, axis.target, axis.start, axis.length, axis.offset,
        static_cast<int64_t>(axis.filter.interpolation), static_cast<int64_t>(axis.filter.library)}) {
    combine(hash, value);
  }
  for (const bool value : {axis.filter.antialias, axis.is_mirrored, axis.is_flipped,
                           axis.is_scaled}) {
    combine(hash, value);
  }
  return hash;
}

size_t AxisHash::operator()(const AxisKey& key) const noexcept {
  size_t hash = (*this)(key.placement);
  for (const int64_t value : {key.true_size, key.factor, key.block, key.frequencies}) {
    combine(hash, value);
  }
  combine(hash, key.is_triangle);
  return hash;
}

VerticalOperator::VerticalOperator(const AxisKey& key, const AxisTaps& pixels)
    : outputs_(key.placement.length),
      first_shown_(outputs_),
      is_reversed_(key.placement.is_mirrored != key.placement.is_flipped) {
  AxisTaps samples = upsampled(pixels, key);
  frequencies_ = used_frequencies(key, samples);
  if (is_reversed_) samples.reverse_outputs();
  rows_.resize(static_cast<size_t>((key.true_size + kBlock - 1) / kBlock));
  for (int64_t output = 0; output < outputs_; ++output) {
    const AxisTaps::Run& run = samples.runs()[static_cast<size_t>(output)];
    if (run.count > 0) add_output(output, run);
  }
  if (last_row_ < 0) last_shown_ = first_shown_;
  int64_t complete = first_shown_;
  for (size_t index = 0; index < rows_.size(); ++index) {
    const auto block = static_cast<int64_t>(index);
    BlockRow& row = rows_[index];
    row.factors = factors_.size();
    for (int64_t output = row.first; output < row.first + row.count; ++output) {
      const AxisTaps::Run& run = samples.runs()[static_cast<size_t>(output)];
      const auto factors = frequencies(samples, run, block);
      for (size_t frequency = 0; frequency < static_cast<size_t>(frequencies_); ++frequency) {
        factors_.push_back(static_cast<float>(factors[frequency]));
      }
    }
    while (complete < last_shown_ &&
           last_block_of(samples.runs()[static_cast<size_t>(complete)]) <= block) {
      ++complete;
    }
    row.complete = complete == last_shown_ ? outputs_ : complete;
  }
}

void VerticalOperator::add_output(int64_t output, const AxisTaps::Run& run) {
  first_shown_ = std::min(first_shown_, output);
  last_shown_ = output + 1;
  first_row_ = last_row_ < 0 ? first_block_of(run) : std::min(first_row_, first_block_of(run));
  last_row_ = std::max(last_row_, last_block_of(run));
  for (int64_t block = first_block_of(run); block <= last_block_of(run); ++block) {
    BlockRow& row = rows_[static_cast<size_t>(block)];
    if (row.count == 0) row.first = output;
    row.count = output + 1 - row.first;
  }
}

size_t VerticalOperator::bytes() const {
  return sizeof(*this) + rows_.capacity() * sizeof(BlockRow) + factors_.capacity() * sizeof(float);
}

namespace {

// The factors of one input for the outputs of a chunk.
using Outputs = std::array<double, kBlock>;

// Applies the forward DCT to every tile.
Outputs transformed(const Outputs& values, int64_t block) {
  if (block == 1) return values;
  const DctMatrix& dct = dct_matrix(block);
  Outputs result{};
  const auto size = static_cast<size_t>(block);
  for (size_t tile = 0; tile < kBlock; tile += size) {
    for (size_t sample = 0; sample < size; ++sample) {
      const double value = values[tile + sample];
      for (size_t frequency = 0; frequency < size; ++frequency) {
        result[tile + frequency] += dct[sample][frequency] * value;
      }
    }
  }
  return result;
}

template <typename Floats>
void append(Floats& floats, std::span<const Outputs> inputs, int64_t block) {
  const size_t begin = floats.size();
  floats.resize(begin + inputs.size() * kBlock);
  float* to = floats.data() + begin;
  for (const Outputs& input : inputs) {
    for (const double value : transformed(input, block)) *to++ = static_cast<float>(value);
  }
}

}  // namespace

HorizontalOperator::HorizontalOperator(const AxisKey& key, const AxisTaps& pixels)
    : first_block_((key.true_size + kBlock - 1) / kBlock) {
  const AxisTaps samples = upsampled(pixels, key);
  frequencies_ = used_frequencies(key, samples);
  const std::span<const AxisTaps::Run> runs(samples.runs());
  for (size_t begin = 0; begin < runs.size(); begin += kBlock) {
    const size_t count = std::min<size_t>(kBlock, runs.size() - begin);
    add_chunk(samples, runs.subspan(begin, count), key.block);
  }
  first_block_ = std::min(first_block_, last_block_);
}

void HorizontalOperator::add_chunk(const AxisTaps& samples, std::span<const AxisTaps::Run> runs,
                                   int64_t block) {
  Outputs ones{}, level{};
  int64_t first = std::numeric_limits<int64_t>::max(), end = 0;
  for (size_t output = 0; output < runs.size(); ++output) {
    ones[output] = 1.0;
    if (runs[output].count == 0) continue;
    level[output] = 1.0;
    first = std::min(first, first_block_of(runs[output]));
    end = std::max(end, last_block_of(runs[output]) + 1);
  }
  first = std::min(first, end);
  std::vector<Outputs> inputs(static_cast<size_t>(frequencies_ * (end - first)));
  for (size_t output = 0; output < runs.size(); ++output) {
    const AxisTaps::Run& run = runs[output];
    if (run.count == 0) continue;
    for (int64_t index = first_block_of(run); index <= last_block_of(run); ++index) {
      Outputs* const of_block = inputs.data() + frequencies_ * (index - first);
      const auto factors = frequencies(samples, run, index);
      for (size_t frequency = 0; frequency < static_cast<size_t>(frequencies_); ++frequency) {
        of_block[frequency][output] = factors[frequency];
      }
    }
  }
  if (end > first) {
    first_block_ = std::min(first_block_, first);
    last_block_ = std::max(last_block_, end);
  }
  chunks_.push_back({first, end - first, factors_.size()});
  append(factors_, inputs, block);
  append(ones_, {&ones, 1}, block);
  append(level_, {&level, 1}, block);
}

size_t HorizontalOperator::bytes() const {
  return sizeof(*this) + chunks_.capacity() * sizeof(Chunk) +
         (factors_.capacity() + ones_.capacity() + level_.capacity()) * sizeof(float);
}

}  // namespace jpegcompile
