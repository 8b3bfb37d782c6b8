#include "preprocess/output.h"

#include <algorithm>

namespace jpegcompile {
namespace {

int64_t pixels_of(Size size) { return size.height * size.width; }

size_t line_size(const NetworkNumbers& network) {
  return network.channels * static_cast<size_t>(network.size.width);
}

void interleave(const float* red, const float* green, const float* blue, int64_t width, float* to) {
  for (int64_t column = 0; column < width; ++column, to += 3) {
    to[0] = red[column];
    to[1] = green[column];
    to[2] = blue[column];
  }
}

}  // namespace

bool Output::is_direct(const ResultShape& shape, const NetworkNumbers& network) {
  return !shape.is_transposed && !network.is_channels_last && !network.is_half;
}

size_t Output::scratch_size(const ResultShape& shape, const NetworkNumbers& network) {
  const size_t turned = shape.is_transposed ? static_cast<size_t>(pixels_of(shape.size)) : 0;
  const size_t lines = is_direct(shape, network) ? 0 : 1 + kGroup;
  return shape.stride + lines * line_size(network) + network.channels * turned;
}

Output::Output(const ResultShape& shape, const NetworkNumbers& network, float* scratch, void* out)
    : shape_(shape),
      network_(network),
      spare_(scratch),
      line_(spare_ + shape.stride),
      group_(line_ + line_size(network)),
      turned_(group_ + kGroup * line_size(network)),
      out_(out) {}

float* Output::group_row(size_t channel, int64_t row) const {
  return group_ + (static_cast<int64_t>(channel) * kGroup + row) * network_.size.width;
}

float* Output::turned_row(size_t channel, int64_t row) const {
  return turned_ + static_cast<int64_t>(channel) * pixels_of(shape_.size) +
         row * shape_.size.width;
}

void Output::aim(ColorStep& step, int64_t first, int64_t count) const {
  const auto place = [&](size_t channel, int64_t row) {
    if (shape_.is_transposed) return turned_row(channel, first + row);
    if (!is_direct(shape_, network_)) return group_row(channel, row);
    return static_cast<float*>(out_) +
           static_cast<int64_t>(channel) * pixels_of(network_.size) +
           (first + row) * network_.size.width;
  };
  for (size_t channel = 0; channel < network_.channels; ++channel) {
    for (int64_t row = 0; row < kGroup; ++row) {
      step.results[channel][static_cast<size_t>(row)] =
          row < count ? place(channel, row) : spare_;
    }
  }
}

void Output::take(int64_t first, int64_t count) const {
  if (!shape_.is_transposed && !is_direct(shape_, network_)) deliver(first, count);
}

void Output::finish() const {
  if (!shape_.is_transposed) return;
  const auto [height, width] = network_.size;
  for (int64_t first = 0; first < height; first += kGroup) {
    const int64_t count = std::min<int64_t>(kGroup, height - first);
    for (size_t channel = 0; channel < network_.channels; ++channel) {
      for (int64_t column = 0; column < width; ++column) {
        const float* const from = turned_row(channel, column) + first;
        for (int64_t row = 0; row < count; ++row) group_row(channel, row)[column] = from[row];
      }
    }
    deliver(first, count);
  }
}

void Output::deliver(int64_t first, int64_t count) const {
  const auto channels = static_cast<int64_t>(network_.channels);
  const int64_t width = network_.size.width;
  for (int64_t row = 0; row < count; ++row) {
    if (network_.is_channels_last) {
      if (channels == 3) {
        interleave(group_row(0, row), group_row(1, row), group_row(2, row), width, line_);
      }
      deliver(channels == 3 ? line_ : group_row(0, row), width * channels,
              (first + row) * width * channels);
      continue;
    }
    for (int64_t channel = 0; channel < channels; ++channel) {
      deliver(group_row(static_cast<size_t>(channel), row), width,
              channel * pixels_of(network_.size) + (first + row) * width);
    }
  }
}

void Output::deliver(const float* from, int64_t count, int64_t place) const {
  if (network_.is_half) {
    half_step({from, static_cast<uint16_t*>(out_) + place, count});
  } else {
    std::copy_n(from, count, static_cast<float*>(out_) + place);
  }
}

}  // namespace jpegcompile
