#include "preprocess/output.h"

#include <algorithm>

namespace jpegcompile {
namespace {

// Pixels of a side of the squares in which planes are transposed.
constexpr int64_t kSquare = 16;

// Rows that planes of their own hold.
int64_t held_rows(const Plan& plan, const NetworkNumbers& network) {
  if (plan.is_transposed) return plan.made.height;
  return network.is_channels_last ? kGroup : 0;
}

// to[column * across + row * down] of from[row][column].
void transpose(const float* from, Size size, float* to, int64_t across, int64_t down) {
  for (int64_t top = 0; top < size.height; top += kSquare) {
    const int64_t bottom = std::min(top + kSquare, size.height);
    for (int64_t left = 0; left < size.width; left += kSquare) {
      const int64_t right = std::min(left + kSquare, size.width);
      for (int64_t column = left; column < right; ++column) {
        for (int64_t row = top; row < bottom; ++row) {
          to[column * across + row * down] = from[row * size.width + column];
        }
      }
    }
  }
}

}  // namespace

size_t Output::scratch_size(const Plan& plan, const NetworkNumbers& network) {
  const auto rows = static_cast<size_t>(held_rows(plan, network));
  return plan.stride + network.channels * rows * static_cast<size_t>(plan.made.width);
}

Output::Output(const Plan& plan, const NetworkNumbers& network, float* scratch, float* out)
    : plan_(plan),
      network_(network),
      spare_(scratch),
      planes_(!plan.is_transposed && !network.is_channels_last ? out : scratch + plan.stride),
      out_(out) {}

float* Output::plane(size_t channel) const {
  const int64_t rows = is_direct() ? plan_.made.height : held_rows(plan_, network_);
  return planes_ + static_cast<int64_t>(channel) * rows * plan_.made.width;
}

void Output::aim(ColorStep& step, int64_t first, int64_t count) const {
  const int64_t begin = is_direct() || plan_.is_transposed ? first : 0;
  for (size_t channel = 0; channel < network_.channels; ++channel) {
    for (int64_t row = 0; row < kGroup; ++row) {
      step.results[channel][static_cast<size_t>(row)] =
          row < count ? plane(channel) + (begin + row) * plan_.made.width : spare_;
    }
  }
}

void Output::take(int64_t first, int64_t count) const {
  if (is_direct() || plan_.is_transposed) return;
  const auto channels = static_cast<int64_t>(network_.channels);
  float* const to = out_ + first * plan_.made.width * channels;
  const int64_t pixels = count * plan_.made.width;
  for (int64_t channel = 0; channel < channels; ++channel) {
    const float* const from = plane(static_cast<size_t>(channel));
    for (int64_t pixel = 0; pixel < pixels; ++pixel) to[pixel * channels + channel] = from[pixel];
  }
}

void Output::finish() const {
  if (!plan_.is_transposed) return;
  const auto channels = static_cast<int64_t>(network_.channels);
  const Size made = plan_.made;
  for (int64_t channel = 0; channel < channels; ++channel) {
    const float* const from = plane(static_cast<size_t>(channel));
    if (network_.is_channels_last) {
      transpose(from, made, out_ + channel, made.height * channels, channels);
    } else {
      transpose(from, made, out_ + channel * made.height * made.width, made.height, 1);
    }
  }
}

}  // namespace jpegcompile
