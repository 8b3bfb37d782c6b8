#include "preprocess/preprocessor.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "jpeg/open_rows.h"
#include "jpeg/source.h"
#include "jpeg/work.h"
#include "preprocess/resampling/filters.h"
#include "preprocess/steps.h"
#include "preprocess/strips.h"

namespace jpegcompile {
namespace {

FrameHeader header_of(const Image& frame) {
  FrameHeader header{frame.height, frame.width, {}, frame.color_space, frame.orientation};
  for (const Component& component : frame.components) {
    header.sampling.emplace_back(component.horizontal_factor, component.vertical_factor);
  }
  return header;
}

// Carries the frame of `FrameRefused`, which knows none.
struct Refusal {
  FrameHeader frame;
};

bool is_byte(double value) { return value >= 0.0 && value <= 255.0; }

// The least that shows all of the placements, which differ in where they begin and in whether they
// are flipped. One alone is its own hull.
Placement hull_of(std::span<const Placement> placements) {
  Placement hull = placements.front();
  if (placements.size() == 1) return hull;
  for (AxisPlacement Placement::*axis : {&Placement::rows, &Placement::columns}) {
    AxisPlacement& whole = hull.*axis;
    int64_t end = whole.start + whole.length;
    for (const Placement& placement : placements) {
      const AxisPlacement& part = placement.*axis;
      whole.start = std::min(whole.start, part.start);
      end = std::max(end, part.start + part.length);
    }
    whole.length = end - whole.start;
    whole.is_flipped = false;
  }
  return hull;
}

// The part of [channels][rows][columns] pixels of a hull that one of its placements shows.
void cut(const uint8_t* pixels, const Placement& hull, const Placement& view, size_t channels,
         uint8_t* out) {
  const AxisPlacement& rows = view.rows;
  const AxisPlacement& columns = view.columns;
  const int64_t width = hull.columns.length, plane = hull.rows.length * width;
  for (size_t channel = 0; channel < channels; ++channel) {
    const uint8_t* from = pixels + static_cast<int64_t>(channel) * plane +
                          (rows.start - hull.rows.start) * width + columns.start -
                          hull.columns.start;
    for (int64_t row = 0; row < rows.length; ++row, from += width, out += columns.length) {
      if (columns.is_flipped) {
        std::reverse_copy(from, from + columns.length, out);
      } else {
        std::copy_n(from, columns.length, out);
      }
    }
  }
}

// Whether the sums of each view take little enough memory for the file to be read once for all.
bool is_small(std::span<const Plan> plans) {
  return std::ranges::all_of(plans,
                             [](const Plan& plan) { return plan.sum_bytes() <= kMostSumBytes; });
}

// Whether the window of a filter grows as the image shrinks: Filter.is_antialiased in
// jpegcompile/preprocessing/steps.py.
bool is_antialiased(const ResizeFilter& filter) {
  using enum Interpolation;
  const bool is_nearest =
      filter.interpolation == kNearest || filter.interpolation == kNearestExact;
  switch (filter.library) {
    case ResizeLibrary::kPillow:
      return !is_nearest;
    case ResizeLibrary::kTorchvision:
    case ResizeLibrary::kOnnxRuntime:
      return filter.antialias && !is_nearest;
    default:
      return filter.interpolation == kArea || filter.interpolation == kDct;
  }
}

// Throws std::invalid_argument for a resize that does not go with the decoder.
void check(const Resize& resize, bool makes_integers) {
  if (makes_integers && resize.filter.library != ResizeLibrary::kPillow) {
    throw std::invalid_argument("the decoder libjpeg-turbo resizes as pillow alone does");
  }
  if (!resize.scaled_decoding) return;
  if (makes_integers) {
    throw std::invalid_argument("the decoder libjpeg-turbo does no scaled_decoding");
  }
  if (!is_antialiased(resize.filter)) {
    throw std::invalid_argument("scaled_decoding needs a resize filter that antialiases");
  }
}

// Throws std::invalid_argument for numbers that do not go with each other.
void check(const NetworkNumbers& network, const PreprocessOptions& options) {
  const size_t channels = network.channels;
  if (channels != 1 && channels != kMostChannels) {
    throw std::invalid_argument("a network has 1 or 3 channels");
  }
  const bool has_mixing = network.mixing[0].size() == channels &&
                          network.mixing[1].size() == 3 * channels &&
                          network.mixing[2].size() == 3 * channels;
  const bool has_numbers = network.scale.size() == channels && network.shift.size() == channels &&
                           network.fill.size() == channels;
  if (!has_mixing || !has_numbers) {
    throw std::invalid_argument("colour and normalisation are not of as many channels");
  }
  const auto& resize = network.geometry.resize;
  if (resize.has_value()) check(*resize, options.integers.has_value());
  if (!options.integers.has_value()) return;
  if (channels_of(*options.integers) != static_cast<int64_t>(channels)) {
    throw std::invalid_argument("the colour of the integers is not of as many channels");
  }
  if (!std::ranges::all_of(network.fill, is_byte)) {
    throw std::invalid_argument("the fill of integers is not from 0 to 255");
  }
}

}  // namespace

// What the threads of one `run` share.
class Batch {
 public:
  Batch(Preprocessor& preprocessor, std::span<const Source> sources, void* out)
      : preprocessor_(preprocessor),
        sources_(sources),
        out_(static_cast<std::byte*>(out)),
        order_(order_of_work(sources, preprocessor.options_.threads)) {}

  // Takes sources until none is left.
  void work() noexcept {
    for (size_t turn = next_++; turn < order_.size(); turn = next_++) {
      const size_t index = order_[turn];
      std::byte* const out = out_ + index * preprocessor_.image_bytes();
      try {
        read(index, out);
        continue;
      } catch (const ReadError& error) {
        record({index, error, std::nullopt});
      } catch (Refusal& refusal) {
        record({index, std::nullopt, std::move(refusal.frame)});
      } catch (const std::bad_alloc&) {
        record({index, out_of_memory_, std::nullopt});
      } catch (...) {
        lose(std::current_exception());
      }
      std::fill_n(out, preprocessor_.image_bytes(), std::byte{0});
    }
  }

  std::vector<Failure> finish() {
    if (lost_ != nullptr) std::rethrow_exception(lost_);
    std::ranges::sort(failures_, {}, &Failure::index);
    return std::move(failures_);
  }

 private:
  void read(size_t index, void* out) { preprocessor_.read(sources_[index], out); }

  void record(Failure failure) noexcept {
    const std::scoped_lock lock(mutex_);
    try {
      failures_.push_back(std::move(failure));
    } catch (...) {
      lost_ = std::current_exception();
    }
  }

  // What is no fault of a file ends the batch.
  void lose(std::exception_ptr error) noexcept {
    const std::scoped_lock lock(mutex_);
    lost_ = std::move(error);
  }

  Preprocessor& preprocessor_;
  std::span<const Source> sources_;
  std::byte* const out_;
  std::vector<size_t> order_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::vector<Failure> failures_;
  std::exception_ptr lost_;
  // Made beforehand: when memory has run out, it could not be.
  const ReadError out_of_memory_{FailureKind::memory, "not enough memory"};
};

Preprocessor::Preprocessor(NetworkNumbers network, const PreprocessOptions& options)
    : network_(std::move(network)),
      views_(each_view(network_.geometry)),
      options_(options),
      operators_(options.cache_bytes) {
  check(network_, options_);
  if (options_.integers.has_value()) {
    numbers_ = pixel_numbers(network_);
    for (const double fill : network_.fill) fill_.push_back(static_cast<uint8_t>(fill));
  }
  if (network_.geometry.resize.has_value()) check_filter(network_.geometry.resize->filter);
}

void Preprocessor::read(const Source& source, void* out) {
  Prepared prepared;
  // Before memory is taken for the image.
  const auto check_frame = [&](const Image& frame) {
    try {
      prepare(frame, prepared);
    } catch (const FrameRefused&) {
      throw Refusal{header_of(frame)};
    }
  };
  const ReadOptions options{options_.tolerant, options_.max_pixels, check_frame};
  // `open` gives the rows from the first one on.
  const auto take_all = [&](const auto& open) {
    std::unique_ptr<BlockRows> rows = open();
    check_frame(rows->frame());
    if (is_small(prepared.plans)) {
      take(*rows, prepared, out);
    } else {
      take_apart(open, rows, prepared, static_cast<std::byte*>(out));
    }
    while (options_.checks_all && rows->next()) {
    }
  };
  const auto take_bytes = [&](std::span<const unsigned char> bytes) {
    try {
      take_all([&] { return open_rows(bytes, options); });
    } catch (const UncleanData&) {
      take_all([&] { return open_libjpeg_rows(bytes, options); });
    }
  };
  const auto* path = std::get_if<std::string>(&source);
  if (path == nullptr) return take_bytes(std::get<std::span<const unsigned char>>(source));
  const InputFile file(*path);
  if (const FileBytes whole = file.read_whole(); whole.memory != nullptr) {
    return take_bytes({whole.memory.get(), whole.size});
  }
  // A large file, or no JPEG, is not held.
  take_all([&] { return rows_of(read_coefficients(source, options)); });
}

template <typename Open>
void Preprocessor::take_apart(const Open& open, std::unique_ptr<BlockRows>& rows,
                              const Prepared& prepared, std::byte* out) {
  bool is_used = false;
  const auto begin = [&]() -> BlockRows& {
    if (std::exchange(is_used, true)) rows = open();
    return *rows;
  };
  for (size_t view = 0; view < prepared.plans.size(); ++view, out += network_.view_bytes()) {
    const Plan& plan = prepared.plans[view];
    const std::vector<Piece> pieces = pieces_of(prepared.placements[view], plan, network_);
    if (pieces.empty()) ingest(begin(), std::span(&plan, 1), network_, out);
    for (const Piece& piece : pieces) take_piece(begin(), piece, plan, network_, out);
  }
}

void Preprocessor::prepare(const Image& frame, Prepared& prepared) {
  const bool is_prepared = !prepared.placements.empty();
  FrameHeader header = header_of(frame);
  if (is_prepared && header == prepared.frame) return;
  prepared = {};
  for (const Geometry& view : views_) {
    prepared.placements.push_back(placement_of(frame, view, network_.size));
    if (options_.integers.has_value()) continue;
    prepared.plans.push_back(
        make_plan(frame, prepared.placements.back(), network_, operators_));
  }
  prepared.frame = std::move(header);
}

void Preprocessor::take(BlockRows& rows, void* out) {
  Prepared prepared;
  prepare(rows.frame(), prepared);
  take(rows, prepared, out);
}

void Preprocessor::take(BlockRows& rows, const Prepared& prepared, void* out) {
  if (options_.integers.has_value()) {
    take_integers(rows, prepared.placements, out);
  } else {
    ingest(rows, prepared.plans, network_, out);
  }
}

void Preprocessor::take_integers(BlockRows& rows, std::span<const Placement> placements,
                                 void* out) const {
  // All views are parts of one resized image, of which no more is made than they show.
  const Placement whole = hull_of(placements);
  const Size size{whole.rows.length, whole.columns.length};
  const auto pixels_of = [&](Size shown) {
    return std::make_unique_for_overwrite<uint8_t[]>(
        network_.channels * static_cast<size_t>(shown.height * shown.width));
  };
  const auto pixels = pixels_of(size);
  decode_integers(rows, whole, *options_.integers, fill_, pixels.get());
  if (placements.size() == 1) return take_pixels(pixels.get(), numbers_, network_, out);
  const auto seen = pixels_of(network_.size);
  auto* to = static_cast<std::byte*>(out);
  for (const Placement& view : placements) {
    cut(pixels.get(), whole, view, network_.channels, seen.get());
    take_pixels(seen.get(), numbers_, network_, to);
    to += network_.view_bytes();
  }
}

std::vector<Failure> Preprocessor::run(std::span<const Source> sources, void* out) {
  Batch batch(*this, sources, out);
  share_work(std::min(options_.threads, sources.size()), [&batch] { batch.work(); });
  return batch.finish();
}

}  // namespace jpegcompile
