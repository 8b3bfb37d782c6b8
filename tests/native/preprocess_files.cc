// Computes the input of several networks from every given file and from its beginnings: with one
// thread and several, at once and in pieces, all views together and each view separately. Built
// with the sanitizers. Exits with a nonzero status if these results differ or are not finite.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "jpeg/open_rows.h"
#include "preprocess/passes.h"
#include "preprocess/preprocessor.h"

namespace {

using namespace jpegcompile;

NetworkNumbers network(int64_t block, bool is_channels_last, bool is_luma, const Geometry& geometry) {
  NetworkNumbers network;
  network.channels = is_luma ? 1 : 3;
  network.size = {48, 40};
  network.block = block;
  network.is_channels_last = is_channels_last;
  network.geometry = geometry;
  for (size_t channel = 0; channel < network.channels; ++channel) {
    network.mixing[0].push_back(1.0);
    for (size_t component = 0; component < 3; ++component) {
      const bool is_used = component == 0 || (!is_luma && component == channel);
      network.mixing[1].push_back(is_used ? 1.0 : 0.0);
      network.mixing[2].push_back(component == channel ? 1.0 : 0.0);
    }
    network.scale.push_back(1.0 / 64.0);
    network.shift.push_back(-2.0);
    network.fill.push_back(100.0);
  }
  return network;
}

// Networks that shrink and enlarge images, with few or all frequencies, padding on every side, and
// all orientations.
std::vector<NetworkNumbers> networks() {
  Resize shrinking, exact, padding;
  shrinking.crop_ratio = 0.875;
  exact.fit = Fit::kExact;
  exact.filter = {Interpolation::kArea, ResizeLibrary::kOpenCv, true};
  padding.fit = Fit::kPad;
  padding.filter.interpolation = Interpolation::kLanczos;
  Resize scaled = shrinking, tiny;
  tiny.short_side = 18;
  scaled.scaled_decoding = tiny.scaled_decoding = true;
  const Crop center{}, outside{CropPosition::kGiven, -13, 7, CropRounding::kEven};
  const auto turned = [](std::optional<Resize> resize, std::optional<Crop> crop, bool mirror,
                         bool flip) {
    Geometry geometry;
    geometry.resize = resize;
    geometry.crop = crop;
    geometry.applies_orientation = true;
    geometry.mirror = mirror;
    geometry.flip = flip;
    return geometry;
  };
  Geometry ten = turned(shrinking, center, false, false);
  Geometry five = turned(std::nullopt, center, true, false);
  ten.views = Views::kTen;
  five.views = Views::kFive;
  return {network(8, false, false, ten), network(1, true, true, five),
          network(8, false, false, turned(shrinking, center, false, false)),
          network(4, true, false, turned(exact, std::nullopt, false, true)),
          network(2, false, true, turned(padding, std::nullopt, true, false)),
          network(8, false, false, turned(scaled, center, false, true)),
          network(1, false, false, turned(tiny, center, true, false)),
          network(1, true, true, turned(std::nullopt, outside, true, true)),
          network(1, false, false, turned(std::nullopt, outside, false, false))};
}

struct Results {
  std::vector<float> numbers;
  std::vector<size_t> failed;  // indices of sources
};

Results make(const std::vector<Source>& sources, const NetworkNumbers& numbers,
             const PreprocessOptions& options) {
  Preprocessor preprocessor(numbers, options);
  // Exactly as large as the images, so that the sanitizers detect writes past the end.
  Results made{std::vector<float>(sources.size() * preprocessor.image_size(), -1.0F), {}};
  for (const Failure& failure : preprocessor.run(sources, made.numbers.data())) {
    made.failed.push_back(failure.index);
  }
  return made;
}

bool is_same(std::span<const float> left, std::span<const float> right) {
  return left.size() == right.size() &&
         std::memcmp(left.data(), right.data(), left.size_bytes()) == 0;
}

bool is_same(const Results& left, const Results& right) {
  return left.failed == right.failed && is_same(left.numbers, right.numbers);
}

// Sums in another order differ by a few roundings.
bool is_close(const Results& left, const Results& right) {
  float largest = 0.0F;
  for (const float value : left.numbers) largest = std::max(largest, std::abs(value));
  const auto is_near = [&](float a, float b) { return std::abs(a - b) <= 4e-6F * largest; };
  return left.failed == right.failed && std::ranges::equal(left.numbers, right.numbers, is_near);
}

// Whether each view equals the result of a preprocessor of only that view.
bool has_views(const Results& all, const std::vector<Source>& sources,
               const NetworkNumbers& numbers, const PreprocessOptions& options) {
  const std::vector<Geometry> views = each_view(numbers.geometry);
  const size_t size = numbers.view_size();
  for (size_t view = 0; view < views.size(); ++view) {
    NetworkNumbers single = numbers;
    single.geometry = views[view];
    const Results alone = make(sources, single, options);
    // A view does not read the rows below it, which may be damaged.
    if (!std::ranges::includes(all.failed, alone.failed)) return false;
    for (size_t index = 0; index < sources.size(); ++index) {
      if (std::ranges::binary_search(all.failed, index)) continue;
      const std::span<const float> image(alone.numbers);
      const std::span<const float> among(all.numbers);
      const size_t place = (index * views.size() + view) * size;
      if (!is_same(among.subspan(place, size), image.subspan(index * size, size))) return false;
    }
  }
  return true;
}

// Describes the failure; null if there is none.
const char* check(const std::vector<Source>& sources, const NetworkNumbers& numbers,
                  PreprocessOptions options) {
  options.max_pixels = uint64_t{1} << 26;
  options.cache_bytes = 0;
  const Results made = make(sources, numbers, options);
  // With AddressSanitizer, memory that was never written is NaN.
  const auto is_number = [](float value) { return std::isfinite(value); };
  if (!std::ranges::all_of(made.numbers, is_number)) return "results are not finite";
  const bool has_several = numbers.geometry.views != Views::kOne;
  if (has_several && !has_views(made, sources, numbers, options)) {
    return "a view differs from the same view alone";
  }
  PreprocessOptions threads = options;
  threads.threads = 4;
  threads.cache_bytes = size_t{1} << 16;  // only enough for few entries
  if (!is_same(made, make(sources, numbers, threads))) return "results depend on the number of threads";
  if (options.integers.has_value()) return nullptr;
  // The smallest pieces; and some views together, or large pieces.
  for (const size_t bytes : {size_t{1} << 12, size_t{1} << 17}) {
    PreprocessOptions pieces = options;
    pieces.max_sum_bytes = bytes;
    if (!is_close(made, make(sources, numbers, pieces))) return "pieces differ from the whole";
  }
  return nullptr;
}

// The blocks of all rows, in order.
std::vector<int16_t> blocks_of(BlockRows& rows) {
  std::vector<int16_t> blocks;
  const Component& first = rows.frame().components.front();
  while (rows.next()) {
    const int16_t* row = rows.blocks(0, 0);
    blocks.insert(blocks.end(), row, row + first.block_columns * block_coefficients);
  }
  return blocks;
}

// Whether all passes return the same rows, and files that are kept in memory are opened once.
bool goes_back(std::span<const unsigned char> bytes, bool is_held) {
  size_t opened = 0;
  const ReadOptions options{false, uint64_t{1} << 26, {}};
  Passes passes([&] {
    ++opened;
    return is_held ? open_libjpeg_rows(bytes, options) : open_rows(bytes, options);
  });
  static_cast<void>(passes.begin().next());  // a pass that stops early
  const std::vector<int16_t> first = blocks_of(passes.begin());
  bool is_same = !first.empty();
  for (int pass = 0; pass < 2; ++pass) is_same = is_same && blocks_of(passes.begin()) == first;
  return is_same && (!is_held || opened == 1);
}

bool goes_back(std::span<const unsigned char> bytes) {
  for (const bool is_held : {true, false}) {
    try {
      if (!goes_back(bytes, is_held)) return false;
    } catch (const ReadError&) {  // checked elsewhere
    } catch (const UncleanData&) {
    }
  }
  return true;
}

std::vector<char> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int tell(const char* where, const char* what) {
  if (what == nullptr) return 0;
  std::fprintf(stderr, "%s: %s\n", where, what);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> paths(argv + 1, argv + argc);
  int status = 0;
  const std::vector<Source> all(paths.begin(), paths.end());
  for (const auto& path : paths) {
    const std::vector<char> content = content_of(path);
    const std::vector<unsigned char> bytes(content.begin(), content.end());
    if (!goes_back(bytes)) status |= tell(path.c_str(), "passes return different rows");
  }
  for (const NetworkNumbers& numbers : networks()) {
    PreprocessOptions options;
    for (const bool checks_all : {false, true}) {
      options.checks_all = checks_all;
      status |= tell("all files", check(all, numbers, options));
    }
    options.checks_all = false;
    // With the integer decode, views are cut from one image, or decoded separately.
    if (numbers.geometry.views != Views::kOne) {
      PreprocessOptions integers = options;
      integers.integers = numbers.channels == 1 ? PixelColor::kGray : PixelColor::kRgb;
      status |= tell("integers of all files", check(all, numbers, integers));
    }
    for (const auto& path : paths) {
      const std::vector<char> content = content_of(path);
      // Separate copies, so that the sanitizers detect reads past the end.
      std::vector<std::vector<unsigned char>> beginnings;
      for (size_t part = 1; part < 8; ++part) {
        const auto size = static_cast<ptrdiff_t>(content.size() * part / 8);
        beginnings.emplace_back(content.begin(), content.begin() + size);
      }
      std::vector<Source> sources;
      for (const auto& beginning : beginnings) sources.emplace_back(std::span(beginning));
      status |= tell(path.c_str(), check(sources, numbers, options));
    }
  }
  return status;
}
