// JpegDecode and JpegDecodeGray: convert the bytes of one JPEG file to its coefficients and tables,
// in the form of `--input coefficients`.
//
// Standard operators cannot express this, so there are no function bodies.
#include <iterator>
#include <span>
#include <string>

#include "decode/file.h"
#include "generated/makers.h"
#include "generated/subsamplings.h"
#include "jpeg/planes.h"

namespace jpegcompile {
namespace {

// Limit of the JPEG format.
constexpr int64_t kMaxPixels = 65535;

uint32_t extent(const Node& node, const char* attribute) {
  const int64_t value = node.integer(attribute);
  if (value < 1 || value > kMaxPixels) {
    throw KernelError("attribute " + std::string(attribute) + " is " + std::to_string(value) +
                      "; it must be 1 to 65535");
  }
  return static_cast<uint32_t>(value);
}

std::string known_subsamplings() {
  std::string text;
  const size_t last = std::size(kSubsamplings) - 1;
  for (size_t index = 0; index <= last; ++index) {
    if (index > 0) text += index < last ? ", " : " and ";
    text += kSubsamplings[index].name;
  }
  return text;
}

FrameKind kind_of(const Node& node) {
  FrameKind kind;
  kind.height = extent(node, "height");
  kind.width = extent(node, "width");
  if (!node.has(Out::kChroma)) {
    kind.takes_color = node.integer("takes_color") != 0;
    return kind;
  }
  const std::string subsampling = node.text("subsampling");
  if (!set_subsampling(kind, subsampling) || !kind.has_chroma) {
    throw KernelError("attribute subsampling is '" + subsampling + "'; it must be one of " +
                      known_subsamplings());
  }
  return kind;
}

class Decode : public Kernel {
 public:
  explicit Decode(const Node& node) : kind_(kind_of(node)) {}

  void compute(const Call& call) const override {
    try {
      const Image image = read_planes(bytes_of(call.input(In::kJpeg)), kind_);
      copy_planes(image, kind_, outputs(call));
    } catch (const ReadError& error) {
      throw KernelError(refusal(error));
    }
  }

 private:
  PlaneTargets outputs(const Call& call) const {
    PlaneTargets to;
    const auto plane = [&call](Out name, int64_t count, const BlockExtents& extents) {
      const auto rows = static_cast<int64_t>(extents.rows);
      const auto columns = static_cast<int64_t>(extents.columns);
      return static_cast<int16_t*>(call.output(name, {1, count, rows, columns, 8, 8}));
    };
    to.luma = plane(Out::kLuma, 1, luma_extents(kind_));
    if (kind_.has_chroma) to.chroma = plane(Out::kChroma, 2, chroma_extents(kind_));
    const Shape tables{1, kind_.has_chroma ? 3 : 1, 8, 8};
    to.quantization = static_cast<uint16_t*>(call.output(Out::kQuantization, tables));
    return to;
  }

  FrameKind kind_;
};

}  // namespace

std::unique_ptr<Kernel> make_decode(const Node& node) { return std::make_unique<Decode>(node); }

}  // namespace jpegcompile
