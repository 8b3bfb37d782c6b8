// Resizing in the DCT domain: the first m frequencies of every 8 pixels become m pixels; see
// jpegcompile/dct/resampling/low_frequencies.py.
#include <numbers>

#include "preprocess/resampling/resampler.h"

namespace jpegcompile {
namespace {

double cosine(int64_t frequency, int64_t sample, int64_t order) {
  const auto turns = static_cast<double>((2 * sample + 1) * frequency);
  return std::cos(turns * std::numbers::pi / (2.0 * static_cast<double>(order)));
}

// Returns the weights of the pixels of a block for pixel `place` of `kept` pixels.
std::vector<double> weights_of(int64_t place, int64_t kept) {
  std::vector<double> weights(static_cast<size_t>(kDctBlock));
  for (int64_t sample = 0; sample < kDctBlock; ++sample) {
    double sum = 1.0;
    for (int64_t frequency = 1; frequency < kept; ++frequency) {
      sum += 2.0 * cosine(frequency, place, kept) * cosine(frequency, sample, kDctBlock);
    }
    weights[static_cast<size_t>(sample)] = sum / static_cast<double>(kDctBlock);
  }
  return weights;
}

}  // namespace

void resample_by_low_frequencies(const AxisPlacement& axis, Shown shown, AxisTaps& taps) {
  const int64_t kept = kDctBlock * axis.target / axis.source;
  std::vector<std::vector<double>> weights;
  for (int64_t place = 0; place < kept; ++place) weights.push_back(weights_of(place, kept));
  for (int64_t output = shown.first; output < shown.last; ++output) {
    taps.add_clamped(output / kept * kDctBlock, weights[static_cast<size_t>(output % kept)],
                     axis.source);
  }
}

}  // namespace jpegcompile
