#include "ort/registered.h"

#include <atomic>
#include <map>
#include <mutex>
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

// What all kernels of a provider share. The last kernel releases the memory kept between calls.
class OnCpu {
 public:
  using Made = Kernel;

  explicit OnCpu(const Registered&) { ++alive_; }
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

  explicit OnCuda(const Registered& op) : runtime_(*op.cuda) { runtime_.contexts().join(); }
  ~OnCuda() { runtime_.contexts().leave(); }
  OnCuda(const OnCuda&) = delete;
  OnCuda& operator=(const OnCuda&) = delete;

  static std::unique_ptr<CudaKernel> make(const Node& node) {
    return node.definition().make_on_cuda(node);
  }
  void compute(const CudaKernel& kernel, const ort::Api& api, ort::KernelContext* context,
               const Definition& definition) {
    CudaCall call(api, context, definition, runtime_);
    kernel.compute(call);
  }

 private:
  const cuda::Runtime& runtime_;
};

// A kernel, the prefix of its error messages, and the interface of the runtime that created it.
template <typename Provider>
struct Named {
  Named(const ort::Api& runtime, const Registered& op, std::string named,
        std::unique_ptr<typename Provider::Made> made)
      : api(runtime),
        definition(op.definition),
        subject(std::move(named)),
        provider(op),
        kernel(std::move(made)) {}

  const ort::Api& api;
  const Definition& definition;
  std::string subject;
  Provider provider;  // outlives the kernel
  std::unique_ptr<typename Provider::Made> kernel;
};

const Registered& registered_of(const ort::CustomOp* self) {
  return *static_cast<const Registered*>(self);
}

const Definition& definition_of(const ort::CustomOp* self) {
  return registered_of(self).definition;
}

template <typename Provider>
ort::Status* create(const ort::CustomOp* self, const ort::Api* api, const ort::KernelInfo* info,
                    void** kernel) {
  const Definition& definition = definition_of(self);
  std::string subject;
  const auto make = [&] {
    subject = definition.name;
    const Node node(*api, info, definition, registered_of(self).cuda);
    subject += " '" + node.name() + "'";
    auto made =
        std::make_unique<Named<Provider>>(*api, registered_of(self), subject, Provider::make(node));
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
  RegisteredOnCuda(const Definition& described, const cuda::Runtime& runtime)
      : Registered(described) {
    cuda = &runtime;
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
  version = ort::kCustomOpVersion;
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

const std::vector<std::unique_ptr<Registered>>& registered(const cuda::Runtime* runtime) {
  using All = std::vector<std::unique_ptr<Registered>>;
  static std::mutex mutex;
  static auto& made = *std::make_unique<std::map<const cuda::Runtime*, All>>().release();
  const std::scoped_lock lock(mutex);
  const auto known = made.find(runtime);
  if (known != made.end()) return known->second;
  All all;
  for (const Definition& one : definitions()) all.push_back(std::make_unique<Registered>(one));
  const bool has_programs = runtime != nullptr && cuda::has_own_programs(runtime->cubins());
  for (const Definition& one : definitions()) {
    const bool is_on_cuda = one.make_on_cuda != nullptr && runtime != nullptr;
    const bool is_runnable = has_programs || one.attribute("program") == nullptr;
    if (is_on_cuda && is_runnable) {
      all.push_back(std::make_unique<RegisteredOnCuda>(one, *runtime));
    }
  }
  return made.emplace(runtime, std::move(all)).first->second;
}

}  // namespace jpegcompile
