// JpegChannelMax, JpegChannelMean, JpegChannelMin and JpegChannelSum on CUDA, launched like
// launch.py does.
#include <memory>
#include <string>

#include "common/cuda_from_pixels.h"
#include "generated/makers.h"

namespace jpegcompile {
namespace {

class ReduceOnCuda : public FromPixelsOnCuda {
 public:
  // Linear reductions have no attribute block, since they act the same on coefficients and pixels.
  ReduceOnCuda(const Node& node, const char* reduction, bool is_linear)
      : ReduceOnCuda(node, reduction, is_linear ? 1 : node.block("block")) {}

 private:
  ReduceOnCuda(const Node& node, const char* reduction, int block)
      : FromPixelsOnCuda(node, block, block),
        variants_(wanted("reduce.triton:reduce_channels",
                         {{"REDUCTION", std::string(reduction)}})) {}

  Map result(const CudaCall&, const Map& x) const override {
    return {x.batch, 1, x.height, x.width};
  }

  void launch(CudaCall& call, const Task& task) const override {
    cuda::Arguments given = arguments(call, task);
    given.integer("span", cuda::padded(task.from.channels));
    given.integer("true_channels", task.from.channels);
    const int64_t rows = task.to.batch * task.to.plane();
    const cuda::Cubin& cubin = variants_.fastest(call.runtime(), call.chip(), rows, 1);
    call.launch(cubin, cuda::grid_of(cubin.tiling, rows, 1), given);
  }

  cuda::Variants variants_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_channel_max_on_cuda(const Node& node) {
  return std::make_unique<ReduceOnCuda>(node, "max", false);
}
std::unique_ptr<CudaKernel> make_channel_mean_on_cuda(const Node& node) {
  return std::make_unique<ReduceOnCuda>(node, "mean", true);
}
std::unique_ptr<CudaKernel> make_channel_min_on_cuda(const Node& node) {
  return std::make_unique<ReduceOnCuda>(node, "min", false);
}
std::unique_ptr<CudaKernel> make_channel_sum_on_cuda(const Node& node) {
  return std::make_unique<ReduceOnCuda>(node, "sum", true);
}

}  // namespace jpegcompile
