#include "preprocess/steps.h"
#include "preprocess/tile_transform.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

template <int B, size_t Components, typename V>
JPEGCOMPILE_INLINE void channel(const ColorStep& step, size_t index, int64_t column,
                                V (&values)[kGroup]) {
  const float* const mixing = step.mixing + index * Components;
#pragma GCC unroll 8
  for (int row = 0; row < kGroup; ++row) {
    const size_t place = static_cast<size_t>(row) * step.stride + static_cast<size_t>(column);
    values[row] = load<V>(step.constants[static_cast<size_t>(row)] + index * step.stride + column);
#pragma GCC unroll 3
    for (size_t component = 0; component < Components; ++component) {
      values[row] += load<V>(step.component_rows[component] + place) * mixing[component];
    }
  }
  transform_tiles<B>(values);
}

template <int B, size_t Components, typename V>
JPEGCOMPILE_INLINE void color_of(const ColorStep& step) {
  constexpr int64_t kLanesOfRow = kWidth<V>;
  for (size_t index = 0; index < step.channels; ++index) {
    float* const* const results = step.results[index].data();
    V values[kGroup];
    int64_t column = 0;
    for (; column + kLanesOfRow <= step.width; column += kLanesOfRow) {
      channel<B, Components>(step, index, column, values);
#pragma GCC unroll 8
      for (int row = 0; row < kGroup; ++row) store(results[row] + column, values[row]);
    }
    if (column == step.width) continue;
    channel<B, Components>(step, index, column, values);
    const auto rest = static_cast<size_t>(step.width - column) * sizeof(float);
    for (int row = 0; row < kGroup; ++row) {
      __builtin_memcpy(results[row] + column, &values[row], rest);
    }
  }
}

// Computes all channels of some pixels. Reads each component once.
template <size_t Components, size_t Channels, typename V>
JPEGCOMPILE_INLINE void pixels(const ColorStep& step, size_t row, int64_t column,
                               V (&values)[Channels]) {
  const float* const constants = step.constants[row] + column;
  V inputs[Components];
#pragma GCC unroll 3
  for (size_t component = 0; component < Components; ++component) {
    inputs[component] = load<V>(step.component_rows[component] + row * step.stride + column);
  }
#pragma GCC unroll 3
  for (size_t index = 0; index < Channels; ++index) {
    values[index] = load<V>(constants + index * step.stride);
#pragma GCC unroll 3
    for (size_t component = 0; component < Components; ++component) {
      values[index] += inputs[component] * step.mixing[index * Components + component];
    }
  }
}

template <size_t Components, size_t Channels, typename V>
JPEGCOMPILE_INLINE void color_of_pixels(const ColorStep& step) {
  constexpr int64_t kLanesOfRow = kWidth<V>;
  V values[Channels];
  for (size_t row = 0; row < kGroup; ++row) {
    int64_t column = 0;
    for (; column + kLanesOfRow <= step.width; column += kLanesOfRow) {
      pixels<Components>(step, row, column, values);
#pragma GCC unroll 3
      for (size_t index = 0; index < Channels; ++index) {
        store(step.results[index][row] + column, values[index]);
      }
    }
    if (column == step.width) continue;
    pixels<Components>(step, row, column, values);
    const auto rest = static_cast<size_t>(step.width - column) * sizeof(float);
    for (size_t index = 0; index < Channels; ++index) {
      __builtin_memcpy(step.results[index][row] + column, &values[index], rest);
    }
  }
}

template <int B, size_t Components, typename V>
JPEGCOMPILE_INLINE void color_by_block(const ColorStep& step) {
  if constexpr (B > 1) {
    color_of<B, Components, V>(step);
  } else if (step.channels == 1) {
    color_of_pixels<Components, 1, V>(step);
  } else {
    color_of_pixels<Components, kMaxChannels, V>(step);
  }
}

template <int B, typename V>
JPEGCOMPILE_INLINE void color_by_components(const ColorStep& step) {
  switch (step.components) {
    case 1:
      return color_by_block<B, 1, V>(step);
    case 2:
      return color_by_block<B, 2, V>(step);
    default:
      return color_by_block<B, 3, V>(step);
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void color(const ColorStep& step) {
  using V = typename Isa::Vector;
  switch (step.block) {
    case 8:
      return color_by_components<8, V>(step);
    case 4:
      return color_by_components<4, V>(step);
    case 2:
      return color_by_components<2, V>(step);
    default:
      return color_by_components<1, V>(step);
  }
}

}  // namespace

JPEGCOMPILE_MULTIVERSION(color_step, color, ColorStep)

}  // namespace jpegcompile
