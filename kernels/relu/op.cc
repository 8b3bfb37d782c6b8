// JpegRelu, JpegPRelu, JpegClip: inverse transform, piecewise linear function, transform.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../native/dct.h"
#include "../native/map.h"
#include "../native/operators.h"
#include "../native/workspace.h"

namespace jpegcompile {
namespace {

struct Rows {
  const float* from;
  float* to;
  int64_t rows, width;
  int block;
};

template <int B, typename V>
JPEGCOMPILE_INLINE void relu_tile(const float* from, float* to, int64_t pitch) {
  alignas(64) float pixels[B * B * kLanes];
  transform_tile<B, true, V>(from, pitch, kLanes, pixels, B * kLanes, kLanes);
  for (int i = 0; i < B * B; ++i) {
    const V x = load<V>(pixels + i * kLanes);
    store<V>(pixels + i * kLanes, x > 0 ? x : V{});
  }
  transform_tile<B, false, V>(pixels, B * kLanes, kLanes, to, pitch, kLanes);
}

template <int B, typename Isa>
JPEGCOMPILE_INLINE void relu_rows(const Rows& rows) {
  using V = typename Isa::Vector;
  const int64_t pitch = rows.width * kLanes;
  for (int64_t row = 0; row < rows.rows; row += B) {
    for (int64_t column = 0; column < rows.width; column += B) {
      const int64_t offset = row * pitch + column * kLanes;
      for (int lane = 0; lane < kLanes; lane += kWidth<V>) {
        relu_tile<B, V>(rows.from + offset + lane, rows.to + offset + lane, pitch);
      }
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void relu_body(const Rows& rows) {
  switch (rows.block) {
    case 8:
      return relu_rows<8, Isa>(rows);
    case 4:
      return relu_rows<4, Isa>(rows);
    case 2:
      return relu_rows<2, Isa>(rows);
    default:
      return relu_rows<1, Isa>(rows);
  }
}

JPEGCOMPILE_MULTIVERSION(relu, relu_body, Rows)

class Relu : public Kernel {
 public:
  explicit Relu(const Node& node)
      : block_(static_cast<int>(node.integer("block"))),
        x_group_(node.integer("x_group", 1)),
        y_group_(node.integer("y_group", 1)) {}

  void compute(const Call& call) const override {
    const Tensor x = call.input(0);
    const Map from = Map::of(x.shape, x_group_, "x");
    const Map to = Map::of(x.shape, y_group_, "y");
    float* y = call.output_floats(0, x.shape);
    const int64_t strips = from.height / block_;
    call.parallel(static_cast<size_t>(from.batch * from.groups() * strips), [&](size_t task) {
      const auto index = static_cast<int64_t>(task);
      const int64_t strip = index % strips, plane = index / strips;
      const int64_t group = plane % from.groups(), image = plane / from.groups();
      const auto floats = static_cast<size_t>(block_ * from.pitch());
      float* scratch = task_floats(0, 2 * floats);
      const int64_t row = strip * block_;
      const float* source = read_rows(from, x.floats(), image, group, row, block_, scratch);
      float* target = rows_target(to, y, image, group, row, scratch + floats);
      relu({source, target, block_, from.width, block_});
      write_rows(to, y, image, group, row, block_, target);
    });
  }

 private:
  int block_;
  int64_t x_group_, y_group_;
};

}  // namespace

std::vector<Operator> relu_operators() {
  using enum ort::ElementType;
  return {{"JpegRelu", {kFloat, kFloat, kFloat, kFloat, kFloat}, make_kernel<Relu>}};
}

}  // namespace jpegcompile
