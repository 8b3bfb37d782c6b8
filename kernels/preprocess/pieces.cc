#include "preprocess/pieces.h"

#include <algorithm>
#include <cstddef>
#include <memory>

#include "preprocess/strips.h"

namespace jpegcompile {
namespace {

// Outputs [first, first + count) of an axis. It is flipped behind the crop.
AxisPlacement part_of(AxisPlacement axis, int64_t first, int64_t count) {
  axis.start += axis.is_flipped ? axis.length - first - count : first;
  axis.length = count;
  return axis;
}

Piece make_piece(const Placement& placement, const NetworkNumbers& network, int64_t first,
                 int64_t count) {
  Piece piece{first, count, network, placement};
  const bool has_rows = placement.is_transposed;
  AxisPlacement& axis = has_rows ? piece.placement.rows : piece.placement.columns;
  axis = part_of(axis, first, count);
  (has_rows ? piece.network.size.height : piece.network.size.width) = count;
  return piece;
}

}  // namespace

std::vector<Piece> pieces_of(const Placement& placement, const Plan& whole,
                             const NetworkNumbers& network) {
  std::vector<Piece> pieces;
  const auto wanted = static_cast<int64_t>((whole.sum_bytes() + kMostSumBytes - 1) / kMostSumBytes);
  if (wanted <= 1) return pieces;
  const int64_t outputs = placement.is_transposed ? network.size.height : network.size.width;
  const int64_t step = kBlock * std::max<int64_t>(outputs / (kBlock * wanted), 1);
  for (int64_t first = 0; first < outputs; first += step) {
    const int64_t count = std::min(step, outputs - first);
    pieces.push_back(make_piece(placement, network, first, count));
  }
  return pieces;
}

void take_piece(BlockRows& rows, const Piece& piece, const Plan& whole, const NetworkNumbers& network,
                void* out) {
  const Size size = network.size;
  const size_t bytes = network.is_half ? sizeof(uint16_t) : sizeof(float);
  const size_t together = network.is_channels_last ? network.channels * bytes : bytes;
  const size_t planes = network.is_channels_last ? 1 : network.channels;
  // A piece of rows is one run in each plane, a piece of columns one in each row.
  const bool has_rows = piece.placement.is_transposed;
  const size_t unit = together * static_cast<size_t>(has_rows ? size.width : 1);
  const size_t runs = planes * static_cast<size_t>(has_rows ? 1 : size.height);
  const size_t length = unit * static_cast<size_t>(piece.count);
  const size_t pitch = unit * static_cast<size_t>(has_rows ? size.height : size.width);
  const auto made = std::make_unique_for_overwrite<std::byte[]>(runs * length);
  // Components share operators, and no other file has use for them.
  Operators operators(kMostSumBytes);
  const Plan plan = make_plan(rows.frame(), piece.placement, piece.network, operators, &whole);
  ingest(rows, std::span(&plan, 1), piece.network, made.get());
  std::byte* to = static_cast<std::byte*>(out) + unit * static_cast<size_t>(piece.first);
  for (size_t run = 0; run < runs; ++run, to += pitch) {
    std::copy_n(made.get() + run * length, length, to);
  }
}

}  // namespace jpegcompile
