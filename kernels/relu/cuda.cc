// JpegRelu, JpegAsmRelu and JpegApxRelu on CUDA.
#include <algorithm>
#include <memory>
#include <vector>

#include "common/cuda_maps.h"
#include "generated/makers.h"
#include "tiles/tiles.h"

namespace jpegcompile {
namespace {

using cuda::View;

cuda::Program program_of(Masking masking) {
  switch (masking) {
    case Masking::kAsm:
      return cuda::asm_relu();
    case Masking::kApx:
      return cuda::apx_relu();
    case Masking::kNone:
      break;
  }
  return cuda::relu();
}

class ReluOnCuda : public CudaKernel {
 public:
  explicit ReluOnCuda(const Node& node)
      : block_(node.block("block")),
        x_group_(node.group(In::kX)),
        y_group_(node.group(Out::kY)),
        x_frequencies_(node.frequencies(In::kX)),
        is_masked_(node.definition().masking != Masking::kNone),
        program_(program_of(node.definition().masking)),
        kernel_(program_, is_masked_, view(x_frequencies_), view(0)) {}

  void compute(CudaCall& call) const override {
    const DeviceTensor x = call.input(In::kX);
    const Map from = Map::of(x.shape, x_group_, block_, x_frequencies_, "x");
    const Map to = Map::of(x.shape, y_group_, "y");
    check_tiles(from, block_, "x");
    const int all = 2 * block_ - 1;
    const int phi = is_masked_ ? band_frequencies(call.host_input(In::kBand), from, block_) : all;
    const cuda::DevicePointer y = call.output(Out::kY, x.shape);
    if (from.is_empty()) return;
    const View source = planes_.read(call, from, block_, x.data);
    const View target = planes_.target(call, to, block_, y);
    cuda::DevicePointer zeros = 0;
    if (program_.constants > 0) {
      zeros = zeros_.get(call, from.channels, [&] {
        return std::vector<float>(static_cast<size_t>(cuda::padded(from.channels)));
      });
    }
    kernel_.run(call, {from, block_, source, target, all, phi, zeros}, matrices_);
    planes_.write(call, to, target, y);
  }

 private:
  // How a map stands, and not where; compact if it has few frequencies.
  View view(int64_t frequencies) const {
    View view;
    view.block = block_;
    view.is_rows = frequencies != 0 && frequencies != 2 * block_ - 1;
    return view;
  }

  int block_;
  int64_t x_group_, y_group_, x_frequencies_;
  bool is_masked_;
  cuda::Program program_;
  PlanesOnCuda planes_;
  ElementwiseOnCuda kernel_;
  DeviceConstants matrices_, zeros_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_relu_on_cuda(const Node& node) {
  return std::make_unique<ReluOnCuda>(node);
}

}  // namespace jpegcompile
