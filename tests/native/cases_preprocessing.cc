// Grayscale files of the network's size, so that their pixels are only an inverse DCT. Tests in
// Python check resizing.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "corpus_files.h"
#include "jpeg/open_rows.h"
#include "preprocess/integer/integer_decode.h"

namespace jpegcompile {
namespace {

using stand_in::ElementType;

constexpr const char* kFiles[] = {"gray-9x17", "progressive-gray", "gray-16x16"};
constexpr double kScale = 1.0 / 64.0, kShift = -2.0;

// Returns sample (y, x) by definition (ITU-T T.81, A.3.3).
double sample(const Component& plane, int64_t y, int64_t x) {
  const auto columns = static_cast<int64_t>(plane.block_columns);
  const int16_t* block = plane.coefficients.get() + 64 * (y / 8 * columns + x / 8);
  double sum = 128.0;
  for (int u = 0; u < 8; ++u) {
    for (int v = 0; v < 8; ++v) {
      const auto basis = [](int frequency, int64_t place) {
        const double angle = static_cast<double>((2 * (place % 8) + 1) * frequency);
        return std::cos(angle * std::numbers::pi / 16) * (frequency == 0 ? std::sqrt(0.125) : 0.5);
      };
      const double coefficient = block[8 * u + v] * plane.quantization[8 * u + v];
      sum += coefficient * basis(u, y) * basis(v, x);
    }
  }
  return sum;
}

Case made_of(const std::string& op, const Image& image, std::vector<Value> inputs) {
  Case made{op, {}, std::move(inputs), {}, {}};
  made.attributes = {{"height", static_cast<int64_t>(image.height)},
                     {"width", static_cast<int64_t>(image.width)},
                     {"block", int64_t{1}},
                     {"color", std::string("L")},
                     {"fit", std::string("exact")},
                     {"crop", std::string("center")}};
  const auto add = [&made](const std::vector<double>& values, std::vector<int64_t> shape) {
    made.constants.insert(made.inputs.size());
    made.inputs.push_back(numbers(values, std::move(shape)));
  };
  add({kScale}, {1, 1});
  add({kScale, 0, 0}, {1, 3});
  add({0.299 * kScale, 0.587 * kScale, 0.114 * kScale}, {1, 3});
  add({kScale}, {1});
  add({kShift}, {1});
  add({0}, {1});
  made.may_allocate = true;  // each file needs a new decoder state
  made.refusals = {
      {"height is 0",
       [](Case& wrong) { wrong.attributes["height"] = int64_t{0}; }},
      {"fit is 'wide'; it must be one of short, long, exact, pad",
       [](Case& wrong) { wrong.attributes["fit"] = std::string("wide"); }},
      {"input scale is computed",
       [](Case& wrong) { wrong.constants.clear(); }}};
  return made;
}

Case file_case(const char* name) {
  Value bytes = bytes_of_file(name);
  const Image image = image_in(bytes);
  std::vector<Value> inputs;
  inputs.push_back(std::move(bytes));
  Case made = made_of("JpegIngestFile", image, std::move(inputs));
  made.expected = Map(1, 1, image.height, image.width);
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      made.expected.at(0, 0, y, x) = kScale * sample(image.components.front(), y, x) + kShift;
    }
  }
  made.allowed = rounding(64, 4.0);
  made.refusals.push_back({"; give the bytes of a whole JPEG file", [](Case& wrong) {
    std::fill_n(wrong.inputs[0].as<uint8_t>(), wrong.inputs[0].elements, uint8_t{0});
  }});
  made.refusals.push_back({"; give the bytes of one file, [bytes]", [](Case& wrong) {
    wrong.inputs[0] = Value(ElementType::kUint8, {2, 3});
  }});
  return made;
}

Case integer_case(const char* name) {
  const Image image = image_in(bytes_of_file(name));
  std::vector<Value> inputs;
  inputs.push_back(plane_of(image, 0, 1));
  // A grayscale file has no chroma.
  inputs.push_back(Value(ElementType::kInt16, {1, 2, 1, 1, 8, 8}));
  inputs.push_back(tables_of(image, 1));
  inputs.push_back(integers({image.height, image.width, 1, 0, 1, 1, 1, 1}));
  Case made = made_of("JpegIngestIntegers", image, std::move(inputs));
  made.attributes["decoder"] = std::string("libjpeg-turbo");
  const auto whole = [](int64_t size) { return AxisPlacement{size, size, 0, size, {}, false, false}; };
  const Placement placement{whole(image.height), whole(image.width), false};
  std::vector<uint8_t> pixels(static_cast<size_t>(image.height) * image.width);
  const std::unique_ptr<BlockRows> rows = rows_of(image_in(bytes_of_file(name)));
  const uint8_t fill = 0;
  decode_integers(*rows, placement, PixelColor::kGray, std::span(&fill, 1), pixels.data());
  Value expected(ElementType::kFloat, {1, 1, image.height, image.width});
  std::ranges::transform(pixels, expected.as<float>(), [](uint8_t pixel) {
    return static_cast<float>(kScale * pixel + kShift);
  });
  made.exact.push_back(std::move(expected));
  made.refusals.push_back({"frame has 9 for the orientation", [](Case& wrong) {
    wrong.inputs[3].as<int64_t>()[2] = 9;
  }});
  made.refusals.push_back({"files with this frame have", [](Case& wrong) {
    wrong.inputs[3].as<int64_t>()[0] = 100;
  }});
  return made;
}

}  // namespace

std::vector<Case> preprocessing_cases(Selection& selection) {
  std::vector<Case> cases;
  for (const char* name : kFiles) {
    if (selection.takes("JpegIngestFile")) cases.push_back(file_case(name));
    if (selection.takes("JpegIngestIntegers")) cases.push_back(integer_case(name));
  }
  return cases;
}

}  // namespace jpegcompile
