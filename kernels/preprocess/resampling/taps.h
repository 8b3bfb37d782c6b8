// Taps of a resampled axis: each output is a weighted sum of inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace jpegcompile {

// The outputs of an axis, each a weighted sum of consecutive inputs.
class AxisTaps {
 public:
  struct Run {
    int64_t first = 0;  // first input
    int64_t count = 0;  // number of inputs; 0 if the output shows the fill
    size_t offset = 0;  // of the weights
  };

  void reserve(size_t outputs, size_t weights);
  // Adds an output. Drops zero weights at both ends.
  void add(int64_t first, const std::vector<double>& weights);
  // Like `add`, but inputs outside of [0, size) are replaced by the nearest input inside.
  void add_clamped(int64_t first, const std::vector<double>& weights, int64_t size);
  // Scales weights so that their sum is 1.
  static void normalize(std::vector<double>& weights);
  // Adds an output that is equal to one input, clamped to [0, size).
  void add_one(int64_t input, int64_t size);
  void add_fill() { runs_.push_back({}); }
  void reverse_outputs();
  // Replaces every input i by size - 1 - i.
  void reverse_inputs(int64_t size);
  // Moves all taps by `offset` inputs.
  void shift_inputs(int64_t offset);

  size_t bytes() const {
    return sizeof(*this) + runs_.capacity() * sizeof(Run) + weights_.capacity() * sizeof(double);
  }
  const std::vector<Run>& runs() const { return runs_; }
  const double* weights(const Run& run) const { return weights_.data() + run.offset; }

 private:
  std::vector<Run> runs_;
  std::vector<double> weights_;
};

}  // namespace jpegcompile
