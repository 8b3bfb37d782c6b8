// Ingests fused with a convolution, on the dense and on the sparse path.
#include <algorithm>
#include <cmath>

#include "ingest.h"

namespace jpegcompile {
namespace {

using reference::Window;

struct FirstShape {
  int64_t batch, height, width, vertical, horizontal;  // number of pixels of a chroma sample
  Window window;
  int64_t outputs, block, output_block;
  // whether the sparse path is possible: blocks are alike, with outputs at the same pixels of each
  bool has_tables;
};

const std::vector<FirstShape>& shapes(bool is_gray) {
  static const Window kSeven{{7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}};
  static const Window kThree{{3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}};
  static const Window kThreeBy2{{3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}};
  static const Window kUneven{{5, 3}, {1, 4}, {0, 1, 4, 1}, {1, 1}};
  static const Window kDilated{{3, 2}, {2, 1}, {2, 0, 2, 3}, {2, 3}};
  static const Window kPatches{{4, 4}, {4, 4}, {0, 0, 0, 0}, {1, 1}};
  static const Window kBy3{{3, 3}, {3, 3}, {0, 0, 0, 0}, {1, 1}};
  static const std::vector<FirstShape> kColor = {
      {3, 32, 48, 2, 2, kSeven, 32, 8, 8, true},  {2, 24, 16, 1, 1, kThree, 17, 8, 8, true},
      {2, 16, 32, 1, 2, kThreeBy2, 48, 8, 4, true}, {4, 32, 16, 2, 1, kUneven, 16, 8, 4, true},
      {1, 16, 64, 1, 4, kThreeBy2, 16, 8, 8, true},  {2, 32, 16, 2, 2, kDilated, 16, 8, 1, true},
      {0, 16, 16, 2, 2, kThree, 16, 8, 8, false}, {2, 24, 40, 2, 2, kSeven, 16, 8, 4, false},
      {1, 24, 24, 1, 1, kBy3, 16, 8, 8, false}};
  static const std::vector<FirstShape> kGray = {
      {5, 24, 32, 1, 1, kThree, 16, 8, 8, true},  {2, 32, 16, 1, 1, kPatches, 17, 8, 4, true},
      {3, 16, 24, 1, 1, kSeven, 32, 4, 4, true},  {2, 7, 5, 1, 1, kThree, 16, 1, 1, false},
      {1, 8, 8, 1, 1, kThreeBy2, 16, 8, 4, true}};
  return is_gray ? kGray : kColor;
}

// Upsamples an axis: samples are repeated or, for a factor of 2, weighted 3 to 1 with the nearer
// neighbor, which at the border is the sample itself. There are `padded` samples.
Map upsampling(int64_t samples, int64_t padded, int64_t factor, int64_t size) {
  Map matrix(1, 1, size, padded);
  for (int64_t pixel = 0; pixel < size; ++pixel) {
    const int64_t at = pixel / factor;
    const int64_t next = std::clamp<int64_t>(at + (pixel % factor == 0 ? -1 : 1), 0, samples - 1);
    matrix.at(0, 0, pixel, at) += factor == 2 ? 0.75 : 1;
    if (factor == 2) matrix.at(0, 0, pixel, next) += 0.25;
  }
  return matrix;
}

// The matrix from the coefficients of an axis to its pixels in blocks, in float32.
Map axis_of(int64_t size, int64_t factor, int64_t block) {
  const int64_t samples = (size + factor - 1) / factor, padded = (samples + 7) / 8 * 8;
  const Map matrix = separable(upsampling(samples, padded, factor, size),
                               reference::axis_matrix(size, block, false),
                               reference::axis_matrix(padded, 8, true));
  return each(matrix, [](double v) { return static_cast<float>(v); });
}

// Every other image has few coefficients, and blocks without any.
bool has_few(int64_t image) { return image % 2 == 0; }

Plane plane_of(Random& random, const FirstShape& shape, int64_t block, std::vector<int64_t> tables) {
  const bool is_luma = tables.size() == 1;
  const int64_t vertical = is_luma ? 1 : shape.vertical, across = is_luma ? 1 : shape.horizontal;
  const Map rows = axis_of(shape.height, vertical, block);
  const Map columns = axis_of(shape.width, across, block);
  const auto count = static_cast<int64_t>(tables.size());
  Plane plane{zero_plane(shape.batch, count, rows.width / 8, columns.width / 8), tables, rows,
              transposed(columns)};
  const int64_t each = count * rows.width * columns.width;
  for (int64_t index = 0; index < shape.batch * each; ++index) {
    const bool is_few = has_few(index / each);
    const bool is_zero = is_few ? index / 64 % 4 == 3 || random.below(24) > 0 : random.below(4) == 0;
    if (!is_zero) {
      plane.quantized.as<int16_t>()[index] = static_cast<int16_t>(random.below(65) - 32);
    }
  }
  return plane;
}

Ingest ingest_of(Random& random, bool is_gray, const FirstShape& shape, int64_t block) {
  Ingest made;
  made.block = block;
  made.quantization = random_tables(random, shape.batch, 3, 16);
  made.planes.push_back(plane_of(random, shape, block, {1}));
  if (!is_gray) made.planes.push_back(plane_of(random, shape, block, {2, 0}));
  // Coefficients are some hundreds; pixels of a network are about 1, like the bounds of Clip.
  made.mixing = each(random_map(random, 3, is_gray ? 1 : 3, 1, 1), [](double v) { return v / 512; });
  for (int channel = 0; channel < 3; ++channel) made.offset.push_back(random.number());
  return made;
}

Map absolute(const Map& map) {
  return each(map, [](double v) { return std::abs(v); });
}

// A bound of all partial sums of a pixel, in any order.
Map bound_of(Ingest ingest, const FirstShape& shape) {
  ingest.block = 1;
  ingest.mixing = absolute(ingest.mixing);
  for (double& value : ingest.offset) value = std::abs(value);
  for (Plane& plane : ingest.planes) {
    const bool is_luma = plane.tables.size() == 1;
    plane.rows = absolute(axis_of(shape.height, is_luma ? 1 : shape.vertical, 1));
    plane.columns = transposed(absolute(axis_of(shape.width, is_luma ? 1 : shape.horizontal, 1)));
    int16_t* values = plane.quantized.as<int16_t>();
    std::transform(values, values + plane.quantized.elements, values,
                   [](int16_t v) { return static_cast<int16_t>(std::abs(v)); });
  }
  return ingest.image();
}

// Approximately the number of vectors of sums that the kernel counts for an image: each coefficient
// affects the outputs whose windows contain a pixel of its block.
double vectors_of(const Ingest& ingest, const FirstShape& shape, int64_t image) {
  double vectors = 0;
  for (const Plane& plane : ingest.planes) {
    double reached = static_cast<double>((shape.outputs + 15) / 16);
    for (const int axis : {0, 1}) {
      const auto i = static_cast<size_t>(axis);
      const int64_t factor =
          plane.tables.size() == 1 ? 1 : axis == 0 ? shape.vertical : shape.horizontal;
      const int64_t seen = (shape.window.kernel[i] - 1) * shape.window.dilations[i];
      reached *= static_cast<double>((8 * factor + seen) / shape.window.strides[i] + 1);
    }
    const size_t each = Order().image_elements(plane.quantized);
    const int16_t* values = plane.quantized.as<int16_t>() + static_cast<size_t>(image) * each;
    vectors += reached * static_cast<double>(each - static_cast<size_t>(std::count(
                                                        values, values + each, int16_t{0})));
  }
  return vectors;
}

// The bound is 0, far above any image, or between images of few and of many coefficients.
void set_bound(const Ingest& ingest, const FirstShape& shape, size_t turn, Case& made) {
  const bool is_between = shape.batch > 1 && turn % 3 == 2;
  int64_t most = turn % 2 == 0 ? 0 : int64_t{1} << 40;
  if (is_between) {
    most = static_cast<int64_t>(
        std::sqrt(vectors_of(ingest, shape, 0) * vectors_of(ingest, shape, 1)));
  }
  made.attributes["sparse_vectors"] = most;
  for (int64_t image = 0; shape.has_tables && image < shape.batch; ++image) {
    made.is_sparse.push_back(is_between ? has_few(image) : most > 0);
  }
}

void add_refusals(const FirstShape& shape, size_t weight, Case& made) {
  const auto wider = [shape](Case& wrong) {
    const std::vector<int64_t>& luma = wrong.inputs[0].shape;
    wrong.inputs[0] = zero_plane(luma[0], luma[1], luma[2], luma[3] + 1);
  };
  const auto deeper = [shape, weight](Case& wrong) {
    wrong.inputs[weight] =
        tensor(Map(shape.outputs, 4, shape.window.kernel[0], shape.window.kernel[1]));
  };
  made.refusals = {{" do not match the matrices", wider},
                   {" weights are for 4 channels", deeper},
                   {"quantization has shape [1]",
                    [](Case& wrong) {
                      for (Value& value : wrong.inputs) {
                        if (value.type == stand_in::ElementType::kUint16) value = Value(value.type, {1});
                      }
                    }},
                   {" must be constants of the model", [](Case& wrong) { wrong.constants.clear(); }}};
}

struct Form {
  bool is_gray, is_spatial;
  std::string activation;
  bool is_truncated;

  std::string name() const {
    return std::string("JpegIngest") + (is_gray ? "Gray" : "") + (is_spatial ? "Spatial" : "") +
           "Conv" + activation + (is_truncated ? "Truncate" : "");
  }
  bool is_known() const { return !is_truncated || (!is_spatial && !activation.empty()); }
};

Case first_case(Random& random, const Form& form, const FirstShape& shape, size_t turn) {
  const Window& window = shape.window;
  const int64_t output_block = form.is_spatial ? 1 : shape.output_block;
  const Ingest ingest = ingest_of(random, form.is_gray, shape, turn % 2 == 0 ? 1 : shape.block);
  const auto list = [](const auto& values) {
    return std::vector<int64_t>(values.begin(), values.end());
  };
  const int64_t y_group = layout(turn, 1, shape.outputs).y;
  Case made{form.name(), {{"block", ingest.block}, {"output_block", output_block},
                          {"y_group", y_group}, {"group", int64_t{1}},
                          {"strides", list(window.strides)}, {"pads", list(window.pads)},
                          {"dilations", list(window.dilations)}},
            ingest.inputs(), {}, {}, 0, Order(y_group, output_block)};
  set_bound(ingest, shape, turn, made);
  const size_t weights = made.inputs.size();
  const Map weight = random_map(random, shape.outputs, 3, window.kernel[0], window.kernel[1]);
  std::vector<double> bias;
  for (int64_t c = 0; c < shape.outputs; ++c) bias.push_back(random.number());
  made.inputs.push_back(tensor(weight));
  made.inputs.push_back(numbers(bias, {shape.outputs}));
  const Map sums = convolve(to_spatial(ingest.image(), ingest.block), weight, window, 1);
  const Map pixels = each_channel(
      sums, [&](double v, int64_t, int64_t c) { return v + bias[static_cast<size_t>(c)]; });
  made.expected =
      to_jpeg(activated(random, form.activation, turn, pixels, made), output_block);
  add_unused(made, form.is_spatial ? 2 : 4);
  add_refusals(shape, weights, made);
  if (form.is_truncated) truncate(turn, made);
  for (size_t input = ingest.planes.size() + 1; input < made.inputs.size(); ++input) {
    made.constants.insert(input);
  }
  // As for other convolutions; sums run over pixels, or over all coefficients of about four blocks.
  const auto terms = static_cast<double>(3 * weight.height * weight.width +
                                         4 * 64 * ingest.mixing.channels);
  const double most = largest(convolve(bound_of(ingest, shape), absolute(weight), window, 1)) + 1;
  made.allowed = rounding(8 * std::sqrt(terms) + 2 * transform_roundings(output_block),
                          most * static_cast<double>(output_block));
  return made;
}

}  // namespace

std::vector<Case> first_convolution_cases(Selection& selection) {
  Random random(6);
  std::vector<Case> cases;
  size_t turn = 0, forms = 1;
  for (const bool is_gray : {false, true}) {
    for (const bool is_spatial : {false, true}) {
      for (const char* activation : {"", "Relu", "PRelu", "Clip"}) {
        for (const bool is_truncated : {false, true}) {
          const Form form{is_gray, is_spatial, activation, is_truncated};
          if (!form.is_known()) continue;
          const std::vector<FirstShape>& all = shapes(is_gray);
          ++forms;
          for (size_t index = 0; index < all.size(); ++index) {
            ++turn;
            // Each operator starts at another shape, so that a quick run of all operators uses all
            // shapes.
            const FirstShape& shape = all[(index + forms) % all.size()];
            if (selection.takes(form.name())) {
              cases.push_back(first_case(random, form, shape, turn));
            }
          }
        }
      }
    }
  }
  return cases;
}

}  // namespace jpegcompile
