// Networks' inputs that are made piece by piece, so that very wide images take no more memory than
// others.
#pragma once

#include <vector>

#include "jpeg/block_rows.h"
#include "preprocess/plan.h"

namespace jpegcompile {

// Bytes of sums beyond which a result is made in pieces. Photographs take less: 12 megapixels that
// shrink to 224 pixels, 1 MB.
inline constexpr size_t kMostSumBytes = size_t{1} << 23;

// Outputs [first, first + count) of the axis that stored columns become. They are made of a part of
// the columns, but of all rows: the file is read once for each piece.
struct Piece {
  int64_t first = 0, count = 0;
  NetworkNumbers network;  // one that sees nothing else
  Placement placement;     // in it
};

// None if `whole` takes little enough memory. Each has 8 outputs, or a multiple, but for the last one.
std::vector<Piece> pieces_of(const Placement& placement, const Plan& whole,
                             const NetworkNumbers& network);

// Writes what the rows, from the first one on, give of a piece to its place in `out`, the input of
// `network`. Throws what `rows` throws.
void take_piece(BlockRows& rows, const Piece& piece, const Plan& whole, const NetworkNumbers& network,
                void* out);

}  // namespace jpegcompile
