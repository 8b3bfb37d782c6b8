// JpegIngestConv and related operators on CUDA: the image in scratch memory, and its convolution.
// There is no sparse path, because it is not faster on GPUs.
#include <memory>

#include "common/cuda_maps.h"
#include "conv/cuda_convolution.h"
#include "conv/parameters.h"
#include "generated/makers.h"
#include "ingest/cuda_image.h"
#include "ingest_conv/constant_input.h"
#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

bool is_spatial(const Node& node) { return node.definition().base == Base::kSpatialConv; }

class IngestConvolveOnCuda : public CudaKernel {
 public:
  explicit IngestConvolveOnCuda(const Node& node)
      : is_truncated_(node.definition().truncates),
        // For a spatial convolution, the attribute is the block size of the image.
        output_block_(is_spatial(node) ? 1 : node.block("output_block")),
        y_group_(node.group(Out::kY)),
        y_frequencies_(node.frequencies(Out::kY)),
        window_(window_of(node)),
        ingest_(node, ImageIngestOnCuda::Result::kPixels),
        convolution_(node) {
    // As on the CPU, which builds tables from them.
    for (const In input : {In::kWeight, In::kBias}) {
      static_cast<void>(constant_input(node, input));
    }
  }

  void compute(CudaCall& call) const override {
    const FilesOnCuda files = ingest_.files(call);
    CudaConvolution task = described(call, files.image);
    const cuda::DevicePointer y = call.output(Out::kY, task.output.shape());
    if (task.input.batch == 0) return;
    make_image(call, files, task);
    task.y = planes_.target(call, task.output, output_block_, y);
    convolution_.run(call, task);
    planes_.write(call, task.output, task.y, y);
  }

 private:
  CudaConvolution described(const CudaCall& call, const Map& image) const {
    CudaConvolution task;
    task.weights = jpegcompile::described(convolution_.weight(call), window_);
    task.input = image;
    task.output_block = output_block_;
    task.output = Map::of(output_shape(task.weights, image, output_block_, "the image"), y_group_,
                          output_block_, y_frequencies_, "y");
    task.made = 2 * output_block_ - 1;
    if (is_truncated_) {
      task.made = band_frequencies(call.host_input(In::kBand), task.output, output_block_);
    }
    check_places(task.output, output_block_, task.made);
    return task;
  }

  void make_image(CudaCall& call, const FilesOnCuda& files, CudaConvolution& task) const {
    const Map& image = files.image;
    const bool is_thin = image.channels <= kThinOnCuda && can_be_thin(task.weights.window);
    const int64_t stored = is_thin ? kThinOnCuda : cuda::padded(image.channels);
    const cuda::DevicePointer pixels = call.scratch(image.batch * image.plane() * stored);
    ingest_.run(call, files, pixels, stored);
    if (is_thin) {
      task.form = CudaConvolution::Form::kThin;
      task.x.data = pixels;
    } else {
      task.x = cuda::channels_last(image, 1, pixels);
    }
  }

  bool is_truncated_;
  int output_block_;
  int64_t y_group_, y_frequencies_;
  Window window_;
  ImageIngestOnCuda ingest_;
  ConvolutionOnCuda convolution_;
  PlanesOnCuda planes_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_ingest_conv_on_cuda(const Node& node) {
  return std::make_unique<IngestConvolveOnCuda>(node);
}

}  // namespace jpegcompile
