// Makes the input of several networks of every file given, by one thread and by several, of the file
// as it is and of beginnings of it. Built with the sanitizers. Exits with 0 unless the threads
// disagree, or results are no numbers.
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

// Shrinking and growing, with few frequencies or all, fill on every side, everything turned.
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

int check(const std::vector<Source>& sources, const NetworkNumbers& numbers, bool checks_all,
          std::optional<PixelColor> integers = std::nullopt) {
  std::vector<float> results[2];
  for (const size_t threads : {size_t{1}, size_t{4}}) {
    PreprocessOptions options;
    options.max_pixels = uint64_t{1} << 26;
    options.threads = threads;
    options.checks_all = checks_all;
    options.integers = integers;
    options.cache_bytes = threads == 1 ? 0 : size_t{1} << 16;  // which keeps few
    Preprocessor preprocessor(numbers, options);
    auto& result = results[threads > 1];
    // No more than the images need, so that writing behind them is seen.
    result.assign(sources.size() * preprocessor.image_size(), -1.0F);
    for (const Failure& failure : preprocessor.run(sources, result.data())) {
      if (failure.index >= sources.size()) return 1;
    }
  }
  // Memory that nobody has written holds no numbers under AddressSanitizer.
  const auto is_number = [](float value) { return std::isfinite(value); };
  if (!std::ranges::all_of(results[0], is_number)) return 1;
  const size_t bytes = results[0].size() * sizeof(float);
  return std::memcmp(results[0].data(), results[1].data(), bytes) == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> paths(argv + 1, argv + argc);
  int status = 0;
  const std::vector<Source> all(paths.begin(), paths.end());
  for (const NetworkNumbers& numbers : networks()) {
    for (const bool checks_all : {false, true}) {
      if (check(all, numbers, checks_all) != 0) {
        std::fprintf(stderr, "one thread and several disagree, or something is no number\n");
        status = 1;
      }
    }
    // Of the integers several views are cut from one image.
    const bool has_views = numbers.geometry.views != Views::kOne;
    const PixelColor color = numbers.channels == 1 ? PixelColor::kGray : PixelColor::kRgb;
    if (has_views && check(all, numbers, false, color) != 0) {
      std::fprintf(stderr, "views of integers disagree, or are no numbers\n");
      status = 1;
    }
    for (const auto& path : paths) {
      std::ifstream file(path, std::ios::binary);
      const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
      // Copies of their own, so that reading past the end is seen.
      std::vector<std::vector<unsigned char>> beginnings;
      for (size_t part = 1; part < 8; ++part) {
        const auto size = static_cast<ptrdiff_t>(content.size() * part / 8);
        beginnings.emplace_back(content.begin(), content.begin() + size);
      }
      std::vector<Source> sources;
      for (const auto& beginning : beginnings) sources.emplace_back(std::span(beginning));
      if (check(sources, numbers, false) != 0) {
        std::fprintf(stderr, "%s: beginnings of it fail\n", path.c_str());
        status = 1;
      }
    }
  }
  return status;
}
