// JpegSpaceToDepth and JpegDepthToSpace on CUDA, launched like launch.py does.
#include <memory>

#include "common/cuda_from_pixels.h"
#include "generated/makers.h"
#include "rearrange/rules.h"

namespace jpegcompile {
namespace {

template <typename Maps>
class RearrangeOnCuda : public FromPixelsOnCuda {
 public:
  RearrangeOnCuda(const Node& node, const char* kernel)
      : FromPixelsOnCuda(node, node.block("input_block"), node.block("output_block")),
        side_(side_of(node)),
        aligned_(wanted(kernel, {{"ALIGNED", 1}})),
        others_(wanted(kernel, {{"ALIGNED", 0}})) {}

 private:
  Map result(const CudaCall&, const Map& x) const override { return rearranged<Maps>(x, side_); }

  void launch(CudaCall& call, const Task& task) const override {
    const int64_t in_a_row = Maps::channels_in_a_row(task.from, task.to);
    const int64_t rows = task.to.batch * task.to.plane();
    const int64_t channels = cuda::padded(task.to.channels);
    cuda::Arguments given = arguments(call, task);
    given.integer("side", side_);
    given.integer("true_channels", in_a_row);
    const cuda::Variants& variants = in_a_row % kLanes == 0 ? aligned_ : others_;
    const cuda::Cubin& cubin = variants.fastest(call.runtime(), call.chip(), rows, channels);
    call.launch(cubin, cuda::grid_of(cubin.tiling, rows, channels), given);
  }

  int64_t side_;
  cuda::Variants aligned_, others_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_space_to_depth_on_cuda(const Node& node) {
  return std::make_unique<RearrangeOnCuda<SpaceToDepthMaps>>(node,
                                                             "rearrange.triton:space_to_depth");
}
std::unique_ptr<CudaKernel> make_depth_to_space_on_cuda(const Node& node) {
  return std::make_unique<RearrangeOnCuda<DepthToSpaceMaps>>(node,
                                                             "rearrange.triton:depth_to_space");
}

}  // namespace jpegcompile
