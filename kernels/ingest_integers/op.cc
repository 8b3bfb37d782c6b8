// JpegIngestIntegers: converts the coefficients of files to the integers that libjpeg-turbo and
// Pillow return, and to the network's input.
#include <memory>
#include <stdexcept>
#include <string>

#include "generated/makers.h"
#include "ingest_file/network.h"
#include "ingest_integers/files.h"
#include "preprocess/preprocessor.h"

namespace jpegcompile {
namespace {

PreprocessOptions integer_options_of(const Node& node) {
  const PreprocessOptions options = options_of(node);
  if (!options.integers.has_value()) {
    throw std::invalid_argument("attribute decoder is 'float'; it must be libjpeg-turbo");
  }
  return options;
}

class IngestIntegers : public Kernel {
 public:
  explicit IngestIntegers(const Node& node) : IngestIntegers(integer_options_of(node), node) {}

  void compute(const Call& call) const override {
    const FileTensors tensors = file_tensors(call);
    const NetworkNumbers& network = preprocessor_.network();
    const int64_t images = tensors.luma.shape[0];
    const Shape shape{images * static_cast<int64_t>(preprocessor_.views()),
                      static_cast<int64_t>(network.channels), network.size.height,
                      network.size.width};
    float* y = call.output_floats(Out::kY, shape);
    for (int64_t index = 0; index < images; ++index, y += preprocessor_.image_size()) {
      try {
        preprocessor_.take(image_of(tensors, index), y);
      } catch (const FrameRefused&) {
        throw KernelError(
            "files with this frame cannot be resized to the model's size, or have fractional"
            " sampling factors; give other files");
      }
    }
  }

 private:
  // The order of evaluation decides which error is reported: first errors of the decoder, then of
  // other attributes, then of inputs.
  IngestIntegers(PreprocessOptions options, const Node& node)
      : preprocessor_(network_of(node), options) {}

  mutable Preprocessor preprocessor_;  // thread-safe: its operator cache has a lock
};

}  // namespace

std::unique_ptr<Kernel> make_ingest_integers(const Node& node) {
  try {
    return std::make_unique<IngestIntegers>(node);
  } catch (const std::invalid_argument& error) {
    throw KernelError(std::string(error.what()) + "; compile the model again");
  }
}

}  // namespace jpegcompile
