#include "preprocess/output.h"

#include <algorithm>

namespace jpegcompile {
namespace {

// Pixels of a side of the squares in which planes are transposed.
constexpr int64_t kSquare = 16;

// Rows that planes of their own hold.
int64_t held_rows(const FrameShape& shape, const NetworkNumbers& network) {
  if (shape.is_transposed) return shape.size.height;
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

size_t Output::scratch_size(const FrameShape& shape, const NetworkNumbers& network) {
  const auto rows = static_cast<size_t>(held_rows(shape, network));
  return shape.stride + network.channels * rows * static_cast<size_t>(shape.size.width);
}

Output::Output(const FrameShape& shape, const NetworkNumbers& network, float* scratch, float* out)
    : shape_(shape),
      network_(network),
      spare_(scratch),
      planes_(!shape.is_transposed && !network.is_channels_last ? out : scratch + shape.stride),
      out_(out) {}

float* Output::plane(size_t channel) const {
  const int64_t rows = is_direct() ? shape_.size.height : held_rows(shape_, network_);
  return planes_ + static_cast<int64_t>(channel) * rows * shape_.size.width;
}

void Output::aim(ColorStep& step, int64_t first, int64_t count) const {
  const int64_t begin = is_direct() || shape_.is_transposed ? first : 0;
  for (size_t channel = 0; channel < network_.channels; ++channel) {
    for (int64_t row = 0; row < kGroup; ++row) {
      step.results[channel][static_cast<size_t>(row)] =
          row < count ? plane(channel) + (begin + row) * shape_.size.width : spare_;
    }
  }
}

void Output::take(int64_t first, int64_t count) const {
  if (is_direct() || shape_.is_transposed) return;
  const auto channels = static_cast<int64_t>(network_.channels);
  float* const to = out_ + first * shape_.size.width * channels;
  const int64_t pixels = count * shape_.size.width;
  for (int64_t channel = 0; channel < channels; ++channel) {
    const float* const from = plane(static_cast<size_t>(channel));
    for (int64_t pixel = 0; pixel < pixels; ++pixel) to[pixel * channels + channel] = from[pixel];
  }
}

void Output::finish() const {
  if (!shape_.is_transposed) return;
  const auto channels = static_cast<int64_t>(network_.channels);
  const Size size = shape_.size;
  for (int64_t channel = 0; channel < channels; ++channel) {
    const float* const from = plane(static_cast<size_t>(channel));
    if (network_.is_channels_last) {
      transpose(from, size, out_ + channel, size.height * channels, channels);
    } else {
      transpose(from, size, out_ + channel * size.height * size.width, size.height, 1);
    }
  }
}

}  // namespace jpegcompile
