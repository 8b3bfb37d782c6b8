#include "preprocess/pieces.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "preprocess/strips.h"

namespace jpegcompile {
namespace {

// Outputs [first, first + count) of the axis that comes from stored columns. They depend on part of
// the columns, but on all rows.
struct Piece {
  int64_t first = 0, count = 0;
  NetworkNumbers network;  // of the size of the piece
  Placement placement;     // of the image in the piece
};

// Returns the placement of outputs [first, first + count) of an axis. An axis is flipped after the
// crop.
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

// Splits a view into about `wanted` pieces. The number of outputs of each piece is a multiple of 8,
// except for the last piece.
std::vector<Piece> pieces_of(const Placement& placement, const NetworkNumbers& network,
                             int64_t wanted) {
  const int64_t outputs = placement.is_transposed ? network.size.height : network.size.width;
  const int64_t step = kBlock * std::max<int64_t>(outputs / (kBlock * wanted), 1);
  std::vector<Piece> pieces;
  for (int64_t first = 0; first < outputs; first += step) {
    const int64_t count = std::min(step, outputs - first);
    pieces.push_back(make_piece(placement, network, first, count));
  }
  return pieces;
}

// Computes a piece from all rows, and writes it to its place in `out`, the input of `network`.
void take_piece(BlockRows& rows, const Piece& piece, const Plan& whole,
                const NetworkNumbers& network, Operators& operators, std::byte* out) {
  const Size size = network.size;
  const size_t bytes = network.is_half ? sizeof(uint16_t) : sizeof(float);
  const size_t together = network.is_channels_last ? network.channels * bytes : bytes;
  const size_t planes = network.is_channels_last ? 1 : network.channels;
  // In memory, a piece of rows is one run per plane; a piece of columns is one run per row.
  const bool has_rows = piece.placement.is_transposed;
  const size_t unit = together * static_cast<size_t>(has_rows ? size.width : 1);
  const size_t runs = planes * static_cast<size_t>(has_rows ? 1 : size.height);
  const size_t length = unit * static_cast<size_t>(piece.count);
  const size_t pitch = unit * static_cast<size_t>(has_rows ? size.height : size.width);
  const auto made = std::make_unique_for_overwrite<std::byte[]>(runs * length);
  const Plan plan = make_plan(rows.frame(), piece.placement, piece.network, operators, &whole);
  ingest(rows, std::span(&plan, 1), piece.network, made.get());
  std::byte* to = out + unit * static_cast<size_t>(piece.first);
  for (size_t run = 0; run < runs; ++run, to += pitch) {
    std::copy_n(made.get() + run * length, length, to);
  }
}

// Returns how many plans, beginning with the first one, need at most `max_bytes` together.
size_t fitting(std::span<const Plan> plans, const NetworkNumbers& network, size_t max_bytes) {
  size_t bytes = 0;
  const auto end = std::ranges::find_if(plans, [&](const Plan& plan) {
    bytes += ingest_bytes(plan, network);
    return bytes > max_bytes;
  });
  return static_cast<size_t>(end - plans.begin());
}

}  // namespace

void take_floats(Passes& passes, std::span<const Plan> plans, std::span<const Placement> placements,
                 const NetworkNumbers& network, size_t max_bytes, std::byte* out) {
  // The components and views of this file share operators. Other files need other pieces, so a
  // cache beyond this call would not help.
  Operators operators(max_bytes);
  for (size_t view = 0; view < plans.size();) {
    std::byte* const to = out + view * network.view_bytes();
    if (const size_t count = fitting(plans.subspan(view), network, max_bytes); count > 0) {
      ingest(passes.begin(), plans.subspan(view, count), network, to);
      view += count;
      continue;
    }
    const Plan& whole = plans[view];
    const size_t wanted = (ingest_bytes(whole, network) + max_bytes - 1) / max_bytes;
    for (const Piece& piece :
         pieces_of(placements[view], network, static_cast<int64_t>(wanted))) {
      take_piece(passes.begin(), piece, whole, network, operators, to);
    }
    ++view;
  }
}

}  // namespace jpegcompile
