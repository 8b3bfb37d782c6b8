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
#include "jpeg/packed_image.h"
#include "jpeg/source.h"
#include "jpeg/work.h"
#include "preprocess/resampling/filters.h"
#include "preprocess/steps.h"

namespace jpegcompile {
namespace {

FrameHeader header_of(const Image& frame) {
  FrameHeader header{frame.height, frame.width, {}, frame.color_space, frame.orientation};
  for (const Component& component : frame.components) {
    header.sampling.emplace_back(component.horizontal_factor, component.vertical_factor);
  }
  return header;
}

// Adds the frame to `FrameRefused`.
struct Refusal {
  FrameHeader frame;
};

bool is_byte(double value) { return value >= 0.0 && value <= 255.0; }

// Whether the window of a filter grows when the image shrinks; like Filter.is_antialiased in
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

// Throws std::invalid_argument for a resize that the decoder does not support.
void check(const Resize& resize, bool makes_integers) {
  if (makes_integers && resize.filter.library != ResizeLibrary::kPillow) {
    throw std::invalid_argument("decoder libjpeg-turbo requires a resize filter of library pillow");
  }
  if (!resize.scaled_decoding) return;
  if (makes_integers) {
    throw std::invalid_argument("decoder libjpeg-turbo does not support scaled_decoding");
  }
  if (!is_antialiased(resize.filter)) {
    throw std::invalid_argument("scaled_decoding requires an antialiasing resize filter");
  }
}

// Throws std::invalid_argument for numbers and options that do not match.
void check(const NetworkNumbers& network, const PreprocessOptions& options) {
  const size_t channels = network.channels;
  if (channels != 1 && channels != kMaxChannels) {
    throw std::invalid_argument("the network has " + std::to_string(channels) +
                                " channels; it must have 1 or 3");
  }
  const bool has_mixing = network.mixing[0].size() == channels &&
                          network.mixing[1].size() == 3 * channels &&
                          network.mixing[2].size() == 3 * channels;
  const bool has_numbers = network.scale.size() == channels && network.shift.size() == channels &&
                           network.fill.size() == channels;
  if (!has_mixing || !has_numbers) {
    throw std::invalid_argument("mixing, scale, shift and fill must have " +
                                std::to_string(channels) + " channels");
  }
  const auto& resize = network.geometry.resize;
  if (resize.has_value()) check(*resize, options.integers.has_value());
  if (!options.integers.has_value()) return;
  if (channels_of(*options.integers) != static_cast<int64_t>(channels)) {
    throw std::invalid_argument("the color of the integer decode has " +
                                std::to_string(channels_of(*options.integers)) +
                                " channels; it must have " + std::to_string(channels));
  }
  if (!std::ranges::all_of(network.fill, is_byte)) {
    throw std::invalid_argument("with decoder libjpeg-turbo, fill must be from 0 to 255");
  }
}

}  // namespace

// The state that the threads of one `run` share.
class Batch {
 public:
  Batch(Preprocessor& preprocessor, std::span<const Source> sources, const Placer& placer,
        void* out)
      : preprocessor_(preprocessor),
        sources_(sources),
        placer_(placer),
        out_(static_cast<std::byte*>(out)),
        order_(order_of_work(sources, preprocessor.options_.threads)) {}

  // Processes sources until none is left.
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
  void read(size_t index, void* out) {
    Preprocessor::Place place;
    if (placer_) place = [&](const FrameHeader& frame) { return placer_(index, frame); };
    preprocessor_.read(sources_[index], place, out);
  }

  void record(Failure failure) noexcept {
    const std::scoped_lock lock(mutex_);
    try {
      failures_.push_back(std::move(failure));
    } catch (...) {
      lost_ = std::current_exception();
    }
  }

  // Fails the whole batch, for errors that are not a file's fault.
  void lose(std::exception_ptr error) noexcept {
    const std::scoped_lock lock(mutex_);
    lost_ = std::move(error);
  }

  Preprocessor& preprocessor_;
  std::span<const Source> sources_;
  const Placer& placer_;
  std::byte* const out_;
  std::vector<size_t> order_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  std::vector<Failure> failures_;
  std::exception_ptr lost_;
  // Created in advance, since it could not be allocated after memory has run out.
  const ReadError out_of_memory_{FailureKind::memory, "not enough memory"};
};

Preprocessor::Preprocessor(NetworkNumbers network, const PreprocessOptions& options)
    : network_(std::move(network)),
      views_(each_view(network_.geometry)),
      options_(options),
      operators_(options.cache_bytes) {
  check(network_, options_);
  if (options_.integers.has_value()) {
    integers_ = {*options_.integers, {}, pixel_numbers(network_)};
    for (const double fill : network_.fill) integers_.fill.push_back(static_cast<uint8_t>(fill));
  }
  if (network_.geometry.resize.has_value()) check_filter(network_.geometry.resize->filter);
}

void Preprocessor::read(const Source& source, const Place& place, void* out) {
  Prepared prepared;
  // Called before memory is allocated for the image.
  const auto check_frame = [&](const Image& frame) {
    try {
      prepare(frame, place, prepared);
    } catch (const FrameRefused&) {
      throw Refusal{header_of(frame)};
    }
  };
  const ReadOptions options{options_.tolerant, options_.max_pixels, check_frame};
  const auto take_all = [&](const Passes::Open& open) {
    Passes passes(open);
    check_frame(passes.frame());
    take(passes, prepared, out);
    if (options_.checks_all) passes.finish();
  };
  const auto take_bytes = [&](std::span<const unsigned char> bytes) {
    try {
      take_all([&] { return open_rows(bytes, options); });
    } catch (const UncleanData&) {
      take_all([&] { return open_libjpeg_rows(bytes, options); });
    }
  };
  if (const auto* packed = std::get_if<PackedSource>(&source)) {
    return take_all([&] { return open_packed_rows(*packed, options); });
  }
  const auto* path = std::get_if<std::string>(&source);
  if (path == nullptr) return take_bytes(std::get<std::span<const unsigned char>>(source));
  const InputFile file(*path);
  if (const FileBytes whole = file.read_whole(); whole.memory != nullptr) {
    return take_bytes({whole.memory.get(), whole.size});
  }
  // The file is too large to be read as a whole, or it is not a JPEG file.
  take_all([&] { return rows_of(read_coefficients(source, options)); });
}

void Preprocessor::prepare(const Image& frame, const Place& place, Prepared& prepared) {
  const bool is_prepared = !prepared.placements.empty();
  FrameHeader header = header_of(frame);
  if (is_prepared && header == prepared.frame) return;
  prepared = {};
  if (place) {
    check_factors(frame);
    const std::optional<Placement> placement = place(header);
    if (!placement.has_value()) throw FrameRefused();
    prepared.placements.push_back(*placement);
  } else {
    for (const Geometry& view : views_) {
      prepared.placements.push_back(placement_of(frame, view, network_.size));
    }
  }
  if (!options_.integers.has_value()) {
    for (const Placement& placement : prepared.placements) {
      prepared.plans.push_back(make_plan(frame, placement, network_, operators_));
    }
  }
  prepared.frame = std::move(header);
}

void Preprocessor::take(Image image, void* out) {
  // `open` is called once: a reader of coefficients in memory can be rewound.
  Passes passes([&image] { return rows_of(std::move(image)); });
  Prepared prepared;
  prepare(passes.frame(), nullptr, prepared);
  take(passes, prepared, out);
}

void Preprocessor::take(Passes& passes, const Prepared& prepared, void* out) {
  auto* const to = static_cast<std::byte*>(out);
  if (options_.integers.has_value()) {
    take_integers(passes, prepared.placements, integers_, network_, to);
  } else {
    take_floats(passes, prepared.plans, prepared.placements, network_, options_.max_sum_bytes, to);
  }
}

std::vector<Failure> Preprocessor::run(std::span<const Source> sources, void* out,
                                       const Placer& placer) {
  if (placer && (options_.integers.has_value() || views() != 1)) {
    throw std::invalid_argument("placements require the float decode and one view");
  }
  Batch batch(*this, sources, placer, out);
  share_work(std::min(options_.threads, sources.size()), [&batch] { batch.work(); });
  return batch.finish();
}

}  // namespace jpegcompile
