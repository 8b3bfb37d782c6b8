#include "preprocess/axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>

#include "preprocess/resampling/filters.h"

namespace jpegcompile {
namespace {

// [kBlock][kBlock]: frequency by sample, for the first `order` of each (T.81, A.3.3).
using DctMatrix = std::array<std::array<double, kBlock>, kBlock>;

DctMatrix make_dct_matrix(int64_t order) {
  DctMatrix matrix{};
  const auto size = static_cast<double>(order);
  for (int64_t frequency = 0; frequency < order; ++frequency) {
    const double scale = std::sqrt((frequency == 0 ? 1.0 : 2.0) / size);
    for (int64_t sample = 0; sample < order; ++sample) {
      const auto turns = static_cast<double>((2 * sample + 1) * frequency);
      matrix[static_cast<size_t>(frequency)][static_cast<size_t>(sample)] =
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

// The same of the samples of a component, each of which is upsampled to several pixels; see
// jpegcompile/dct/upsampling.py.
Taps upsampled(const Taps& pixels, const AxisKey& key) {
  if (key.factor == 1) return pixels;
  const bool is_triangle = key.is_triangle && key.factor == 2;
  const int64_t last = key.true_size - 1, reach = is_triangle ? 1 : 0;
  Taps samples;
  samples.reserve(pixels.runs().size(), pixels.runs().size() * 4);
  std::vector<double> weights;
  for (const Taps::Run& run : pixels.runs()) {
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

int64_t first_block_of(const Taps::Run& run) { return run.first / kBlock; }
int64_t last_block_of(const Taps::Run& run) { return (run.first + run.count - 1) / kBlock; }

// What an output takes of the 8 frequencies of a block.
std::array<double, kBlock> frequencies(const Taps& samples, const Taps::Run& run, int64_t block) {
  const DctMatrix& dct = dct_matrix(kBlock);
  std::array<double, kBlock> factors{};
  const int64_t from = std::max(run.first, kBlock * block);
  const int64_t to = std::min(run.first + run.count, kBlock * (block + 1));
  for (int64_t sample = from; sample < to; ++sample) {
    const double weight = samples.weights(run)[sample - run.first];
    const auto place = static_cast<size_t>(sample - kBlock * block);
    for (size_t frequency = 0; frequency < kBlock; ++frequency) {
      factors[frequency] += weight * dct[frequency][place];
    }
  }
  return factors;
}

template <typename Number>
void combine(size_t& hash, Number value) {
  hash ^= std::hash<Number>{}(value) + 0x9E3779B97F4A7C15U + (hash << 6) + (hash >> 2);
}

}  // namespace

size_t AxisKeyHash::operator()(const AxisKey& key) const noexcept {
  const AxisPlacement& axis = key.placement;
  size_t hash = 0;
  for (const int64_t value :
       {axis.source, axis.target, axis.start, axis.length, key.true_size, key.factor, key.block,
        static_cast<int64_t>(axis.filter.interpolation), static_cast<int64_t>(axis.filter.library)}) {
    combine(hash, value);
  }
  for (const bool value :
       {axis.filter.antialias, axis.is_mirrored, axis.is_flipped, key.is_triangle}) {
    combine(hash, value);
  }
  return hash;
}

VerticalOperator::VerticalOperator(const AxisKey& key)
    : outputs_(key.placement.length),
      is_reversed_(key.placement.is_mirrored != key.placement.is_flipped) {
  Taps samples = upsampled(taps_of(key.placement), key);
  if (is_reversed_) samples.reverse_outputs();
  const auto& runs = samples.runs();
  rows_.resize(static_cast<size_t>((key.true_size + kBlock - 1) / kBlock));
  first_shown_ = last_shown_ = outputs_;
  std::vector<int64_t> ends(rows_.size(), 0);  // behind the last output that a block row adds to
  for (int64_t output = 0; output < outputs_; ++output) {
    const Taps::Run& run = runs[static_cast<size_t>(output)];
    if (run.count == 0) continue;
    first_shown_ = std::min(first_shown_, output);
    last_shown_ = output + 1;
    last_row_ = std::max(last_row_, last_block_of(run));
    for (int64_t block = first_block_of(run); block <= last_block_of(run); ++block) {
      int64_t& end = ends[static_cast<size_t>(block)];
      if (end == 0) rows_[static_cast<size_t>(block)].first = output;
      end = output + 1;
    }
  }
  if (last_row_ < 0) last_shown_ = first_shown_;
  int64_t complete = first_shown_;
  for (size_t block = 0; block < rows_.size(); ++block) {
    BlockRow& row = rows_[block];
    row.count = ends[block] == 0 ? 0 : ends[block] - row.first;
    row.factors = factors_.size();
    for (int64_t output = row.first; output < row.first + row.count; ++output) {
      const Taps::Run& run = runs[static_cast<size_t>(output)];
      for (const double factor : frequencies(samples, run, static_cast<int64_t>(block))) {
        factors_.push_back(static_cast<float>(factor));
      }
    }
    const auto is_complete = [&](int64_t output) {
      return last_block_of(runs[static_cast<size_t>(output)]) <= static_cast<int64_t>(block);
    };
    while (complete < last_shown_ && is_complete(complete)) ++complete;
    row.complete = complete == last_shown_ ? outputs_ : complete;
  }
}

size_t VerticalOperator::bytes() const {
  return sizeof(*this) + rows_.capacity() * sizeof(BlockRow) + factors_.capacity() * sizeof(float);
}

namespace {

// The outputs of a chunk become their forward DCT.
void transform_chunk(std::array<double, kBlock>& values, int64_t block) {
  if (block == 1) return;
  const DctMatrix& dct = dct_matrix(block);
  std::array<double, kBlock> result{};
  for (int64_t tile = 0; tile < kBlock; tile += block) {
    for (int64_t frequency = 0; frequency < block; ++frequency) {
      double& sum = result[static_cast<size_t>(tile + frequency)];
      for (int64_t sample = 0; sample < block; ++sample) {
        sum += dct[static_cast<size_t>(frequency)][static_cast<size_t>(sample)] *
               values[static_cast<size_t>(tile + sample)];
      }
    }
  }
  values = result;
}

}  // namespace

HorizontalOperator::HorizontalOperator(const AxisKey& key) {
  const Taps samples = upsampled(taps_of(key.placement), key);
  const auto& runs = samples.runs();
  const auto length = static_cast<int64_t>(runs.size());
  const int64_t all_blocks = (key.true_size + kBlock - 1) / kBlock;
  first_block_ = all_blocks;
  // One input by one output of a chunk, before the transform.
  std::vector<std::array<double, kBlock>> inputs;
  for (int64_t begin = 0; begin < length; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, length);
    int64_t first = all_blocks, last = -1;
    std::array<double, kBlock> ones{}, level{};
    for (int64_t output = begin; output < end; ++output) {
      const Taps::Run& run = runs[static_cast<size_t>(output)];
      ones[static_cast<size_t>(output - begin)] = 1.0;
      if (run.count == 0) continue;
      level[static_cast<size_t>(output - begin)] = 1.0;
      first = std::min(first, first_block_of(run));
      last = std::max(last, last_block_of(run));
    }
    const int64_t blocks = std::max<int64_t>(last - first + 1, 0);
    inputs.assign(static_cast<size_t>(kBlock * blocks), {});
    for (int64_t output = begin; output < end; ++output) {
      const Taps::Run& run = runs[static_cast<size_t>(output)];
      if (run.count == 0) continue;
      for (int64_t block = first_block_of(run); block <= last_block_of(run); ++block) {
        const auto factors = frequencies(samples, run, block);
        for (int64_t frequency = 0; frequency < kBlock; ++frequency) {
          inputs[static_cast<size_t>(kBlock * (block - first) + frequency)]
                [static_cast<size_t>(output - begin)] = factors[static_cast<size_t>(frequency)];
        }
      }
    }
    if (blocks > 0) {
      first_block_ = std::min(first_block_, first);
      last_block_ = std::max(last_block_, last + 1);
    }
    chunks_.push_back({blocks > 0 ? first : 0, blocks, factors_.size()});
    for (auto& input : inputs) {
      transform_chunk(input, key.block);
      factors_.insert(factors_.end(), input.begin(), input.end());
    }
    transform_chunk(ones, key.block);
    transform_chunk(level, key.block);
    ones_.insert(ones_.end(), ones.begin(), ones.end());
    level_.insert(level_.end(), level.begin(), level.end());
  }
  first_block_ = std::min(first_block_, last_block_);
}

size_t HorizontalOperator::bytes() const {
  return sizeof(*this) + chunks_.capacity() * sizeof(Chunk) +
         (factors_.capacity() + ones_.capacity() + level_.capacity()) * sizeof(float);
}

}  // namespace jpegcompile
