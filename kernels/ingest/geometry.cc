#include "ingest/geometry.h"

#include <string>

namespace jpegcompile {
namespace {

// `what` builds the message; it is called only if there is an error.
template <typename What>
void require(bool holds, const What& what) {
  if (!holds) throw KernelError(what());
}

std::string extents(int64_t rows, int64_t columns) {
  return std::to_string(rows) + "x" + std::to_string(columns);
}

// Checks a plane against its matrices and tables.
void check(const PlaneGeometry& plane, const Shape& quantization) {
  const Shape& shape = plane.quantized;
  require(shape.rank() == 6 && shape[4] == 8 && shape[5] == 8, [&] {
    return "coefficients have shape " + shape.text() + ", not [N,components,rows,columns,8,8]";
  });
  require(quantization.rank() == 4 && quantization[0] == shape[0] && quantization[2] == 8 &&
              quantization[3] == 8,
          [&] {
            return "quantization has shape " + quantization.text() +
                   ", which does not match coefficients of shape " +
                   shape.text();
          });
  require(plane.rows_taken == 8 * shape[2] && plane.columns_taken == 8 * shape[3], [&] {
    return "coefficients of shape " + shape.text() + " do not match the matrices, which are for " +
           extents(plane.rows_taken, plane.columns_taken);
  });
  require(static_cast<int64_t>(plane.tables.size()) == shape[1], [&] {
    return "there are " + std::to_string(plane.tables.size()) +
           " table numbers for coefficients of shape " + shape.text();
  });
  for (const int64_t table : plane.tables) {
    require(table >= 0 && table < quantization[1], [&] {
      return "table " + std::to_string(table) + " is out of range for quantization of shape " +
             quantization.text();
    });
  }
}

}  // namespace

Map image_of(std::span<const PlaneGeometry> planes, const MixingGeometry& given) {
  const PlaneGeometry& first = planes.front();
  int64_t components = 0;
  for (const PlaneGeometry& plane : planes) {
    check(plane, given.quantization);
    require(plane.rows_made == first.rows_made && plane.columns_made == first.columns_made, [&] {
      return "components have different sizes, " + extents(first.rows_made, first.columns_made) +
             " and " + extents(plane.rows_made, plane.columns_made);
    });
    components += plane.quantized[1];
  }
  const Shape &mixing = given.mixing, &offset = given.offset;
  require(mixing.rank() == 4 && mixing[1] == components && mixing[2] == 1 && mixing[3] == 1 &&
              offset.elements() == mixing[0],
          [&] {
            return "mixing of shape " + mixing.text() + " and offset of shape " + offset.text() +
                   " do not match " + std::to_string(components) + " components";
          });
  return {first.quantized[0], mixing[0], first.rows_made, first.columns_made, false};
}

}  // namespace jpegcompile
