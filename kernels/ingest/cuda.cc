// JpegIngest and JpegIngestGray on CUDA.
#include <memory>

#include "generated/makers.h"
#include "ingest/cuda_image.h"

namespace jpegcompile {
namespace {

class IngestOnCuda : public CudaKernel {
 public:
  explicit IngestOnCuda(const Node& node) : ingest_(node, ImageIngestOnCuda::Result::kPlanes) {}

  void compute(CudaCall& call) const override {
    const FilesOnCuda files = ingest_.files(call);
    const cuda::DevicePointer y = call.output(Out::kY, files.image.shape());
    if (!files.image.is_empty()) ingest_.run(call, files, y, files.image.channels);
  }

 private:
  ImageIngestOnCuda ingest_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_ingest_on_cuda(const Node& node) {
  return std::make_unique<IngestOnCuda>(node);
}

}  // namespace jpegcompile
