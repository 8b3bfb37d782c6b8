// JpegSigmoid, JpegSilu and the other per-pixel functions on CUDA.
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "common/cuda_function.h"
#include "cuda/own_programs.h"
#include "generated/makers.h"
#include "pixelwise/gelu.h"

namespace jpegcompile {
namespace {

// Returns a program of one step: the function that the operator is named after, with its attributes
// in order. Like `function_program` in jpegcompile/gpu/functions.py.
cuda::Program program_of(const Node& node) {
  constexpr std::string_view kPrefix = "Jpeg";
  cuda::Step step{std::string(node.definition().name).substr(kPrefix.size())};
  std::array numbers{&step.p, &step.q};
  size_t count = 0;
  for (const Definition::Attribute& attribute : node.definition().attributes) {
    if (attribute.type != Definition::Type::kFloat) continue;
    *numbers.at(count++) = node.real(std::string(attribute.name).c_str());
  }
  if (node.has("approximate") && is_by_tanh(node)) step.name = "GeluTanh";
  return {{step}};
}

std::unique_ptr<CudaKernel> make(const Node& node) {
  const cuda::Program program = program_of(node);
  cuda::require_program(node.runtime().cubins(), program);
  return std::make_unique<FunctionOnCuda>(node, program, FunctionOnCuda::same(node));
}

}  // namespace

#define JPEGCOMPILE_ON_CUDA(name) \
  std::unique_ptr<CudaKernel> make_##name##_on_cuda(const Node& node) { return make(node); }

JPEGCOMPILE_ON_CUDA(abs)
JPEGCOMPILE_ON_CUDA(atan)
JPEGCOMPILE_ON_CUDA(celu)
JPEGCOMPILE_ON_CUDA(cos)
JPEGCOMPILE_ON_CUDA(elu)
JPEGCOMPILE_ON_CUDA(erf)
JPEGCOMPILE_ON_CUDA(exp)
JPEGCOMPILE_ON_CUDA(gelu)
JPEGCOMPILE_ON_CUDA(hard_sigmoid)
JPEGCOMPILE_ON_CUDA(hard_swish)
JPEGCOMPILE_ON_CUDA(mish)
JPEGCOMPILE_ON_CUDA(selu)
JPEGCOMPILE_ON_CUDA(sigmoid)
JPEGCOMPILE_ON_CUDA(silu)
JPEGCOMPILE_ON_CUDA(sin)
JPEGCOMPILE_ON_CUDA(softplus)
JPEGCOMPILE_ON_CUDA(softsign)
JPEGCOMPILE_ON_CUDA(tanh)

}  // namespace jpegcompile
