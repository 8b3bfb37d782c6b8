// Sums of pixels, which are what resampling makes of an axis.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace jpegcompile {

// Outputs that are sums of consecutive inputs by their weights.
class AxisTaps {
 public:
  struct Run {
    int64_t first = 0;  // input
    int64_t count = 0;  // inputs; none where an output shows the fill
    size_t offset = 0;  // of the weights
  };

  void reserve(size_t outputs, size_t weights);
  // Adds an output; weights of 0 at both ends are left out.
  void add(int64_t first, const std::vector<double>& weights);
  // Inputs outside of [0, size) stand for the first and the last one.
  void add_clamped(int64_t first, const std::vector<double>& weights, int64_t size);
  // Makes the sum of weights 1.
  static void normalize(std::vector<double>& weights);
  // Adds an output that is the nearest input in [0, size).
  void add_one(int64_t input, int64_t size);
  void add_fill() { runs_.push_back({}); }
  void reverse_outputs();
  // Input i becomes size - 1 - i.
  void reverse_inputs(int64_t size);

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
