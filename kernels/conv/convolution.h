// A convolution between two maps, each in the spatial or the JPEG domain, with its epilogue.
#pragma once

#include <cstdint>

#include "conv/finish.h"
#include "conv/weights.h"
#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

struct Gemm;

// The work of one call. Vectors of channels are padded to whole groups of 16.
struct Convolution {
  const Weights* weights;
  Map input, output, residual_map;
  TileLayout output_at, residual_at;
  int input_block, output_block;
  int frequencies;       // of the output's tiles; further coefficients are zero
  bool on_coefficients;  // a 1x1 convolution, which commutes with the transform
  const float* x;
  const float* residual;  // or null
  float* y;
  Epilogue epilogue;     // for the first group of outputs

  Epilogue epilogue_of(int64_t group) const;
  // Whether sums can be finished one by one: no transform follows, and the layout stays the same.
  bool is_elementwise() const;
};

// Convolves with the method of the weights.
void convolve(const Call& call, const Convolution& task);
void convolve_directly(const Call& call, const Convolution& task);
void convolve_by_winograd(const Call& call, const Convolution& task);
// A convolution of a compact input on coefficients.
void convolve_band(const Call& call, const Convolution& task);

// A rectangle of the output that consists of whole blocks of one image.
struct Area {
  int64_t image, row, rows, column, columns;
};

// Prefetches the memory that finishing an area will write, and read from the residual.
void look_ahead(const Convolution& task, const Area& area, int64_t group);
// Prefetches the same for the sums of a product that begin at a pixel, one row of sums for each row
// of the product. Compact tiles are rows of 16 floats, too, but fewer. Only for grouped maps.
struct SumsPlace {
  int64_t image, group, row, column;
};
void look_ahead(const Convolution& task, const SumsPlace& first, Gemm& gemm);
// Finishes the sums of one output group, [rows][columns][16], and writes them to the output.
void finish_area(const Convolution& task, const Area& area, int64_t group, const float* sums);
// The same for sums in another layout, possibly of few coefficients.
void finish_area(const Convolution& task, const Area& area, int64_t group, const float* sums,
                 const TileLayout& sums_at);

// Pixels of the input of some images: [images][groups][height + pads][width + pads][16] or, for
// images of few channels, [images][height + pads][width + pads][channels].
struct Pixels {
  const float* data;
  int64_t height, width;

  int64_t group_floats() const { return height * width * kLanes; }
};

// The order in which consecutive tasks traverse a map. kRows: all channels of a row of blocks
// before the next row. kChannels: all rows of a group before the next group. Stages and operators
// with the same order find their data in the caches of the same core.
enum class Order { kRows, kChannels };

// Computes such pixels, in `count` items; no items if the tensor itself can be used.
class Reading {
 public:
  // `scratch` has `pixel_floats` (or `thin_pixel_floats`) floats for each image.
  static Reading of(const Convolution& task, int64_t first_image, int64_t images, bool with_pads,
                    Order order, float* scratch);
  static Reading thin(const Convolution& task, int64_t first_image, int64_t images, float* scratch);

  Pixels pixels{};
  size_t count = 0;
  void operator()(size_t item) const;

 private:
  Reading(const Convolution& task, int64_t first_image, float* scratch)
      : task_(task), first_image_(first_image), scratch_(scratch) {}
  void clear_pads(int64_t plane, int64_t row, int64_t rows) const;
  void read_group(int64_t plane, int64_t row, int64_t rows) const;
  void read_thin(int64_t image, int64_t row, int64_t rows) const;

  const Convolution& task_;
  int64_t first_image_;
  float* scratch_;
  Window pads_{};
  bool is_thin_ = false;
  Order order_ = Order::kRows;
  int64_t images_ = 0, groups_ = 0;
  int64_t rows_each_ = 0, parts_ = 0;  // of a plane
};

// Floats of scratch memory for one image; 0 if the tensor itself can be used.
int64_t pixel_floats(const Convolution& task, bool with_pads);
int64_t thin_pixel_floats(const Convolution& task);

}  // namespace jpegcompile
