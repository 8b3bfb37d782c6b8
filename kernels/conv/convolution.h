// A convolution between two maps, each in the jpeg domain or not, with what follows it.
#pragma once

#include <cstdint>

#include "conv/finish.h"
#include "conv/weights.h"
#include "ort/kernel.h"
#include "tiles/map.h"

namespace jpegcompile {

struct Gemm;

// What one call convolves. Vectors of channels are filled up to whole groups of 16.
struct Convolution {
  const Weights* weights;
  Map input, output, residual_map;
  TileLayout output_at, residual_at;
  int input_block, output_block;
  int frequencies;       // of the output's tiles; coefficients beyond them are zero
  bool on_coefficients;  // a 1x1 convolution that commutes with the transform
  const float* x;
  const float* residual;  // or null
  float* y;
  Epilogue epilogue;     // of the first group of outputs

  Epilogue epilogue_of(int64_t group) const;
  // Whether sums can be finished one by one: no transform follows, and no rearrangement.
  bool is_elementwise() const;
};

// By the method of the weights.
void convolve(const Call& call, const Convolution& task);
void convolve_directly(const Call& call, const Convolution& task);
void convolve_by_winograd(const Call& call, const Convolution& task);
// A convolution on coefficients whose input stands compactly.
void convolve_band(const Call& call, const Convolution& task);

// A rectangle of the output: whole blocks of one image.
struct Area {
  int64_t image, row, rows, column, columns;
};

// Brings near what finishing an area will write, and read of the residual.
void look_ahead(const Convolution& task, const Area& area, int64_t group);
// The same of the sums of a product that begin at a pixel, a row of them for each row of the
// product: tiles that stand compactly are rows of 16 floats, too, though fewer. Only of maps that
// are grouped.
struct SumsPlace {
  int64_t image, group, row, column;
};
void look_ahead(const Convolution& task, const SumsPlace& first, Gemm& gemm);
// Finishes sums of one group of outputs, [rows][columns][16], and puts them into the output.
void finish_area(const Convolution& task, const Area& area, int64_t group, const float* sums);
// The same of sums that stand otherwise, of coefficients that may be few.
void finish_area(const Convolution& task, const Area& area, int64_t group, const float* sums,
                 const TileLayout& sums_at);

// Pixels of the input of some images, [images][groups][height + pads][width + pads][16], or, of an
// image of few channels, [images][height + pads][width + pads][channels].
struct Pixels {
  const float* data;
  int64_t height, width;

  int64_t group_floats() const { return height * width * kLanes; }
};

// In which order neighbouring tasks go through a map: along rows of blocks, all channels of one
// before the next one's, or along channels, all rows of a group before the next one's. Stages and
// operators that go the same way find near a core what it has made.
enum class Order { kRows, kChannels };

// The work that fills them: nothing where the tensor itself will do, else `count` items.
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

// Floats of scratch for one image; 0 where the tensor itself will do.
int64_t pixel_floats(const Convolution& task, bool with_pads);
int64_t thin_pixel_floats(const Convolution& task);

}  // namespace jpegcompile
