// JpegIngestFile: converts the bytes of one JPEG file of any size to the network's input.
//
// Standard operators cannot express this, so there is no function body.
#include <memory>
#include <span>
#include <string>

#include "decode/file.h"
#include "generated/makers.h"
#include "ingest_file/network.h"
#include "ort/kernel.h"
#include "preprocess/preprocessor.h"

namespace jpegcompile {
namespace {

std::string factors(const std::pair<int, int>& sampling) {
  return std::to_string(sampling.first) + "x" + std::to_string(sampling.second);
}

// Returns why a frame is refused: because of its sampling, or else because of its size.
std::string refusal(const FrameHeader& frame, const NetworkNumbers& network) {
  std::pair<int, int> most{1, 1};
  for (const auto& [horizontal, vertical] : frame.sampling) {
    most = {std::max(most.first, horizontal), std::max(most.second, vertical)};
  }
  for (const auto& sampling : frame.sampling) {
    if (most.first % sampling.first != 0 || most.second % sampling.second != 0) {
      return "a component is subsampled by a fraction (" + factors(sampling) + " of " +
             factors(most) + "); save the image with whole sampling factors";
    }
  }
  if (frame.color_space == ColorSpace::ycbcr && frame.sampling[1] != frame.sampling[2]) {
    return "Cb and Cr are sampled differently (" + factors(frame.sampling[1]) + " and " +
           factors(frame.sampling[2]) + "); save the image with one chroma sampling";
  }
  return "the image is " + std::to_string(frame.width) + "x" + std::to_string(frame.height) +
         " and cannot be resized to the " + std::to_string(network.size.width) + "x" +
         std::to_string(network.size.height) +
         " of the model; compile the model with a --preprocess that resizes such images";
}

class IngestFile : public Kernel {
 public:
  explicit IngestFile(const Node& node) : IngestFile(options_of(node), node) {}

  void compute(const Call& call) const override {
    const Source source = bytes_of(call.input(In::kJpeg));
    const NetworkNumbers& network = preprocessor_.network();
    const Shape shape{static_cast<int64_t>(preprocessor_.views()),
                      static_cast<int64_t>(network.channels), network.size.height,
                      network.size.width};
    float* const y = call.output_floats(Out::kY, shape);
    for (const Failure& failure : preprocessor_.run(std::span(&source, 1), y)) {
      throw KernelError(failure.error.has_value() ? refusal(*failure.error)
                                                  : refusal(failure.frame.value(), network));
    }
  }

 private:
  // The order of evaluation decides which error is reported: first errors of the decoder, then of
  // other attributes, then of inputs.
  IngestFile(PreprocessOptions options, const Node& node)
      : preprocessor_(network_of(node), options) {}

  mutable Preprocessor preprocessor_;  // thread-safe: its operator cache has a lock
};

}  // namespace

std::unique_ptr<Kernel> make_ingest_file(const Node& node) {
  try {
    return std::make_unique<IngestFile>(node);
  } catch (const std::invalid_argument& error) {
    throw KernelError(std::string(error.what()) + "; compile the model again");
  }
}

}  // namespace jpegcompile
