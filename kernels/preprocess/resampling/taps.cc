#include "preprocess/resampling/taps.h"

#include <algorithm>
#include <numeric>

namespace jpegcompile {

void AxisTaps::reserve(size_t outputs, size_t weights) {
  runs_.reserve(outputs);
  weights_.reserve(weights);
}

void AxisTaps::add(int64_t first, const std::vector<double>& weights) {
  const auto is_used = [](double weight) { return weight != 0.0; };
  const auto begin = std::ranges::find_if(weights, is_used);
  const auto end = std::find_if(weights.rbegin(), weights.rend(), is_used).base();
  if (begin >= end) return add_fill();
  runs_.push_back({first + (begin - weights.begin()), end - begin, weights_.size()});
  weights_.insert(weights_.end(), begin, end);
}

void AxisTaps::add_clamped(int64_t first, const std::vector<double>& weights, int64_t size) {
  const auto count = static_cast<int64_t>(weights.size());
  if (first >= 0 && first + count <= size) return add(first, weights);
  const auto inside = [size](int64_t input) { return std::clamp<int64_t>(input, 0, size - 1); };
  const int64_t begin = inside(first);
  std::vector<double> sums(static_cast<size_t>(inside(first + count - 1) - begin + 1));
  for (int64_t index = 0; index < count; ++index) {
    sums[static_cast<size_t>(inside(first + index) - begin)] += weights[static_cast<size_t>(index)];
  }
  add(begin, sums);
}

void AxisTaps::normalize(std::vector<double>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
}

void AxisTaps::add_one(int64_t input, int64_t size) {
  runs_.push_back({std::clamp<int64_t>(input, 0, size - 1), 1, weights_.size()});
  weights_.push_back(1.0);
}

void AxisTaps::reverse_outputs() { std::ranges::reverse(runs_); }

void AxisTaps::reverse_inputs(int64_t size) {
  for (Run& run : runs_) {
    run.first = size - run.first - run.count;
    const auto begin = weights_.begin() + static_cast<ptrdiff_t>(run.offset);
    std::reverse(begin, begin + run.count);
  }
}

void AxisTaps::shift_inputs(int64_t offset) {
  for (Run& run : runs_) run.first += offset;
}

}  // namespace jpegcompile
