// Piecewise linear functions of pixels, selected by exact or approximated pixels (design: ASM).
//
// A tile takes three passes over its lines: the first half of the inverse transform, on rows; then
// the second half, the function and the first half of the forward transform, on columns; then the
// second half of the forward transform, on rows.
#pragma once

#include <cstdint>

#include "tiles/tiles.h"

namespace jpegcompile {

// The value that selects the piece of a pixel, and the value that the piece is applied to:
enum class Form {
  kExact,         // the pixel, the pixel
  kMasked,        // the approximation from few frequencies, the pixel
  kApproximated,  // the approximation, the approximation
};

// Position of a vector of channels in the rows of a strip.
struct Place {
  int64_t row, column;
  int lane;
};

// `Function` has `V operator()(const V& decided_by, const V& x, const Place&)`.
template <typename Function>
struct PiecewiseRows {
  Tiles from;
  float* to;
  int64_t rows, width;
  int block;
  Form form;
  int frequencies;
  Function function;
};

// Inverts the rows of a tile; reads only stored coefficients with u + v < frequencies.
template <int B, bool kIsWhole, typename V>
JPEGCOMPILE_INLINE void inverse_lines(const float* from, const TileLayout& at, int frequencies,
                                      V (&tile)[B][B]) {
  for (int row = 0; row < B; ++row) {
    if constexpr (kIsWhole) {
      load_line(from + row_of(at, row), tile[row]);
      Dct<B>::inverse(tile[row]);
    } else {
      const int count = std::min(count_of<B, false>(at, row), frequencies - row);
      load_band(from + row_of(at, row), count, tile[row]);
      if (count > 0) Dct<B>::inverse(tile[row]);
    }
  }
}

template <int B, Form kForm, bool kIsWhole, typename V, typename Function>
JPEGCOMPILE_INLINE void piecewise_tile(const PiecewiseRows<Function>& rows, const Place& place) {
  const int64_t pitch = rows.width * kLanes;
  const TileLayout& at = rows.from.at;
  const float* from = rows.from.first + place.row / B * at.tile_row + place.column / B * at.tile +
                      place.lane;
  V tile[B][B], rough[B][B];
  if constexpr (kForm == Form::kApproximated) {
    inverse_lines<B, false>(from, at, rows.frequencies, tile);
  } else {
    inverse_lines<B, kIsWhole>(from, at, 2 * B - 1, tile);
  }
  if constexpr (kForm == Form::kMasked) inverse_lines<B, false>(from, at, rows.frequencies, rough);
  for (int column = 0; column < B; ++column) {
    V line[B], decided_by[B];
    load_column(tile, column, line);
    Dct<B>::inverse(line);
    if constexpr (kForm == Form::kMasked) {
      load_column(rough, column, decided_by);
      Dct<B>::inverse(decided_by);
    }
#pragma GCC unroll 8
    for (int row = 0; row < B; ++row) {
      const V& decides = kForm == Form::kMasked ? decided_by[row] : line[row];
      const Place at{place.row + row, place.column + column, place.lane};
      line[row] = rows.function(decides, line[row], at);
    }
    Dct<B>::forward(line);
    store_column(tile, column, line);
  }
  float* to = rows.to + place.row * pitch + place.column * kLanes + place.lane;
  for (int row = 0; row < B; ++row) {
    Dct<B>::forward(tile[row]);
    store_line(to + row * pitch, tile[row]);
  }
}

template <int B, Form kForm, bool kIsWhole, typename V, typename Function>
JPEGCOMPILE_INLINE void piecewise_tiles(const PiecewiseRows<Function>& rows) {
  for (int64_t row = 0; row < rows.rows; row += B) {
    for (int64_t column = 0; column < rows.width; column += B) {
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        piecewise_tile<B, kForm, kIsWhole, V>(rows, Place{row, column, lane});
      }
    }
  }
}

template <int B, typename Isa>
struct Piecewise {
  template <typename Function>
  JPEGCOMPILE_INLINE static void run(const PiecewiseRows<Function>& rows) {
    switch (rows.form) {
      case Form::kExact:
        return of<Form::kExact>(rows);
      case Form::kMasked:
        return of<Form::kMasked>(rows);
      case Form::kApproximated:
        return of<Form::kApproximated>(rows);
    }
  }

 private:
  template <Form kForm, typename Function>
  JPEGCOMPILE_INLINE static void of(const PiecewiseRows<Function>& rows) {
    using V = typename Isa::Vector;
    // An approximation reads few coefficients in either layout.
    if constexpr (B > 1 && kForm != Form::kApproximated) {
      if (!is_whole(rows.from.at, B)) return piecewise_tiles<B, kForm, false, V>(rows);
    }
    piecewise_tiles<B, kForm, true, V>(rows);
  }
};

}  // namespace jpegcompile
