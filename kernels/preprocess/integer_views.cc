#include "preprocess/integer_views.h"

#include <algorithm>
#include <memory>

namespace jpegcompile {
namespace {

// Views are cut from one image if it has at most this many times as many pixels as all views
// together. The image's bytes are then no more than those of the views as floats. Five views of
// 224x224 pixels are cut from one image up to 256x3920.
constexpr int64_t kMaxTimes = 4;

int64_t pixels_of(const Placement& placement) {
  return placement.rows.length * placement.columns.length;
}

int64_t end_of(const AxisPlacement& axis) { return axis.start + axis.length; }

// Returns the smallest placement that contains all views. Views differ only in their start and in
// whether they are flipped. The result is not flipped.
Placement hull_of(std::span<const Placement> views) {
  Placement hull = views.front();
  for (AxisPlacement Placement::*axis : {&Placement::rows, &Placement::columns}) {
    AxisPlacement& whole = hull.*axis;
    int64_t end = end_of(whole);
    for (const Placement& view : views) {
      whole.start = std::min(whole.start, (view.*axis).start);
      end = std::max(end, end_of(view.*axis));
    }
    whole.length = end - whole.start;
    whole.is_flipped = false;
  }
  return hull;
}

bool is_within(const AxisPlacement& part, const AxisPlacement& whole) {
  return part.start >= whole.start && end_of(part) <= end_of(whole);
}

bool is_within(const Placement& view, const Placement& image) {
  return is_within(view.rows, image.rows) && is_within(view.columns, image.columns);
}

// Copies the pixels of a view from an image that contains it, [channels][rows][columns].
void cut(const uint8_t* pixels, const Placement& image, const Placement& view, size_t channels,
         uint8_t* out) {
  const AxisPlacement& rows = view.rows;
  const AxisPlacement& columns = view.columns;
  const int64_t width = image.columns.length, plane = pixels_of(image);
  for (size_t channel = 0; channel < channels; ++channel) {
    const uint8_t* from = pixels + static_cast<int64_t>(channel) * plane +
                          (rows.start - image.rows.start) * width + columns.start -
                          image.columns.start;
    for (int64_t row = 0; row < rows.length; ++row, from += width, out += columns.length) {
      if (columns.is_flipped) {
        std::reverse_copy(from, from + columns.length, out);
      } else {
        std::copy_n(from, columns.length, out);
      }
    }
  }
}

// Cuts views from decoded images and converts them to the network's input.
class Cutting {
 public:
  Cutting(std::span<const Placement> views, const Integers& integers,
          const NetworkNumbers& network, std::byte* out)
      : views_(views),
        integers_(integers),
        network_(network),
        out_(out),
        is_made_(views.size()),
        seen_(pixels(views.front())) {}

  bool is_made(size_t view) const { return is_made_[view]; }

  // Decodes an image and writes all views that it contains and that were not yet written.
  void make_within(const Placement& image, BlockRows& rows) {
    const auto decoded = pixels(image);
    decode_integers(rows, image, integers_.color, integers_.fill, decoded.get());
    for (size_t index = 0; index < views_.size(); ++index) {
      const Placement& view = views_[index];
      if (is_made_[index] || !is_within(view, image)) continue;
      cut(decoded.get(), image, view, network_.channels, seen_.get());
      take_pixels(seen_.get(), integers_.numbers, network_, out_ + index * network_.view_bytes());
      is_made_[index] = true;
    }
  }

 private:
  std::unique_ptr<uint8_t[]> pixels(const Placement& shown) const {
    return std::make_unique_for_overwrite<uint8_t[]>(network_.channels *
                                                     static_cast<size_t>(pixels_of(shown)));
  }

  const std::span<const Placement> views_;
  const Integers& integers_;
  const NetworkNumbers& network_;
  std::byte* const out_;
  std::vector<bool> is_made_;
  const std::unique_ptr<uint8_t[]> seen_;  // of one view
};

void take_one(BlockRows& rows, const Placement& view, const Integers& integers,
              const NetworkNumbers& network, std::byte* out) {
  const auto pixels = std::make_unique_for_overwrite<uint8_t[]>(network.view_size());
  decode_integers(rows, view, integers.color, integers.fill, pixels.get());
  take_pixels(pixels.get(), integers.numbers, network, out);
}

}  // namespace

void take_integers(Passes& passes, std::span<const Placement> views, const Integers& integers,
                   const NetworkNumbers& network, std::byte* out) {
  if (views.size() == 1) return take_one(passes.begin(), views.front(), integers, network, out);
  const Placement hull = hull_of(views);
  const int64_t most = kMaxTimes * static_cast<int64_t>(views.size()) * pixels_of(views.front());
  // Otherwise each view is decoded separately. A view and its mirror image show the same pixels, so
  // one decode serves both.
  const bool is_one_image = pixels_of(hull) <= most;
  Cutting made(views, integers, network, out);
  for (size_t view = 0; view < views.size(); ++view) {
    if (made.is_made(view)) continue;
    made.make_within(is_one_image ? hull : hull_of(views.subspan(view, 1)), passes.begin());
  }
}

}  // namespace jpegcompile
