#include "ort/registered.h"

#include <atomic>
#include <string>
#include <utility>

#include "cuda/own_programs.h"
#include "cuda/runtime.h"
#include "ort/cuda_kernel.h"
#include "ort/guard.h"
#include "ort/kernel.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

constexpr const char* kCudaProvider = "CUDAExecutionProvider";

// What kernels of a provider share. The last of them gives back what they keep between calls.
class OnCpu {
 public:
  using Made = Kernel;

  OnCpu() { ++alive_; }
  ~OnCpu() {
    if (--alive_ == 0) Workspace::release_all();
  }
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

  static std::unique_ptr<Kernel> make(const Node& node) { return node.definition().make(node); }
  void compute(const Kernel& kernel, const ort::Api& api, ort::KernelContext* context,
               const Definition& definition) {
    kernel.compute(Call(api, context, team_, definition));
  }

 private:
  static inline std::atomic<size_t> alive_{0};
  Team team_;
};

class OnCuda {
 public:
  using Made = CudaKernel;

  // Operators are registered for CUDA only where there is a runtime.
  OnCuda() { cuda::runtime()->contexts().join(); }
  ~OnCuda() { cuda::runtime()->contexts().leave(); }
  OnCuda(const OnCuda&) = delete;
  OnCuda& operator=(const OnCuda&) = delete;

  static std::unique_ptr<CudaKernel> make(const Node& node) {
    return node.definition().make_on_cuda(node);
  }
  void compute(const CudaKernel& kernel, const ort::Api& api, ort::KernelContext* context,
               const Definition& definition) {
    CudaCall call(api, context, definition, *cuda::runtime());
    kernel.compute(call);
  }
};

// A kernel with what its messages begin with, and the interface of the runtime that made it.
template <typename Provider>
struct Named {
  Named(const ort::Api& runtime, const Definition& defined, std::string named,
        std::unique_ptr<typename Provider::Made> made)
      : api(runtime), definition(defined), subject(std::move(named)), kernel(std::move(made)) {}

  const ort::Api& api;
  const Definition& definition;
  std::string subject;
  Provider provider;  // outlives the kernel
  std::unique_ptr<typename Provider::Made> kernel;
};

const Definition& definition_of(const ort::CustomOp* self) {
  return static_cast<const Registered*>(self)->definition;
}

template <typename Provider>
ort::Status* create(const ort::CustomOp* self, const ort::Api* api, const ort::KernelInfo* info,
                    void** kernel) {
  const Definition& definition = definition_of(self);
  std::string subject;
  const auto make = [&] {
    subject = definition.name;
    const Node node(*api, info, definition);
    subject += " '" + node.name() + "'";
    auto made =
        std::make_unique<Named<Provider>>(*api, definition, subject, Provider::make(node));
    *kernel = made.release();
  };
  return ort::guarded(*api, subject, make);
}

template <typename Provider>
ort::Status* compute(void* kernel, ort::KernelContext* context) {
  auto& named = *static_cast<Named<Provider>*>(kernel);
  return ort::guarded(named.api, named.subject, [&] {
    named.provider.compute(*named.kernel, named.api, context, named.definition);
  });
}

template <typename Provider>
void destroy(void* kernel) {
  std::unique_ptr<Named<Provider>>(static_cast<Named<Provider>*>(kernel)).reset();
}

struct RegisteredOnCuda : Registered {
  explicit RegisteredOnCuda(const Definition& described) : Registered(described) {
    get_execution_provider = [](const CustomOp*) -> const char* { return kCudaProvider; };
    get_input_memory_type = [](const CustomOp* self, size_t i) {
      return definition_of(self).inputs[i].is_on_host ? ort::kOnHost : ort::kOnDevice;
    };
    create_kernel_v2 = create<OnCuda>;
    compute_v2 = jpegcompile::compute<OnCuda>;
    destroy = jpegcompile::destroy<OnCuda>;
  }
};

}  // namespace

Registered::Registered(const Definition& described)
    : ort::CustomOp{}, definition(described) {
  version = ort::kApiVersion;
  get_name = [](const CustomOp* self) { return definition_of(self).name; };
  get_execution_provider = [](const CustomOp*) -> const char* { return kCpuProvider; };
  get_input_type = [](const CustomOp* self, size_t i) {
    return static_cast<int>(definition_of(self).inputs[i].type);
  };
  get_input_count = [](const CustomOp* self) { return definition_of(self).inputs.size(); };
  get_output_type = [](const CustomOp* self, size_t i) {
    return static_cast<int>(definition_of(self).outputs[i].type);
  };
  get_output_count = [](const CustomOp* self) { return definition_of(self).outputs.size(); };
  destroy = jpegcompile::destroy<OnCpu>;
  get_input_characteristic = [](const CustomOp* self, size_t i) {
    return definition_of(self).inputs[i].is_optional ? 1 : 0;
  };
  get_output_characteristic = [](const CustomOp*, size_t) { return 0; };
  get_input_memory_type = [](const CustomOp*, size_t) { return ort::kOnDevice; };
  get_variadic_input_min_arity = [](const CustomOp*) { return 1; };
  get_variadic_input_homogeneity = [](const CustomOp*) { return 1; };
  get_variadic_output_min_arity = [](const CustomOp*) { return 1; };
  get_variadic_output_homogeneity = [](const CustomOp*) { return 1; };
  create_kernel_v2 = create<OnCpu>;
  compute_v2 = jpegcompile::compute<OnCpu>;
  get_start_version = [](const CustomOp*) { return static_cast<int>(kDomainVersion); };
  get_end_version = [](const CustomOp*) { return static_cast<int>(kDomainVersion); };
}

const std::vector<std::unique_ptr<Registered>>& registered() {
  static const auto& all = []() -> auto& {
    auto made = std::make_unique<std::vector<std::unique_ptr<Registered>>>();
    for (const Definition& one : definitions()) made->push_back(std::make_unique<Registered>(one));
    const bool has_programs =
        cuda::runtime() != nullptr && cuda::has_own_programs(cuda::runtime()->cubins());
    for (const Definition& one : definitions()) {
      const bool is_on_cuda = one.make_on_cuda != nullptr && cuda::runtime() != nullptr;
      const bool is_runnable = has_programs || one.attribute("program") == nullptr;
      if (is_on_cuda && is_runnable) made->push_back(std::make_unique<RegisteredOnCuda>(one));
    }
    return *made.release();
  }();
  return all;
}

}  // namespace jpegcompile
