// The library that ONNX Runtime loads: `register_custom_ops_library`.
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "operator.h"
#include "operators.h"

namespace jpegcompile {
namespace {

constexpr const char* kDomain = "jpegcompile";

const ort::Api* api = nullptr;

ort::Status* failure(const std::string& message) {
  return ort::create_status(*api, ort::kFail, message.c_str());
}

// Nothing is thrown across the C interface.
template <typename Action>
ort::Status* guarded(const std::string& subject, const Action& action) noexcept {
  try {
    action();
    return nullptr;
  } catch (const std::bad_alloc&) {
    return ort::create_status(*api, ort::kFail, "jpegcompile: out of memory");
  } catch (const std::exception& error) {
    return failure(subject + ": " + error.what());
  } catch (...) {
    return failure(subject + ": unknown failure");
  }
}

// The runtime's description of an operator, which is handed back to every function of it.
struct Registered : ort::CustomOp {
  explicit Registered(Operator described);
  Operator op;
};

// A kernel with what its messages begin with.
struct Named {
  std::string subject;
  std::unique_ptr<Kernel> kernel;
};

const Operator& op_of(const ort::CustomOp* self) {
  return static_cast<const Registered*>(self)->op;
}

ort::Status* create(const ort::CustomOp* self, const ort::Api*, const ort::KernelInfo* info,
                    void** kernel) {
  const Operator& op = op_of(self);
  std::string subject = op.name;
  return guarded(subject, [&] {
    const Node node(*api, info);
    subject = op.name + " '" + node.name() + "'";
    *kernel = std::make_unique<Named>(Named{subject, op.make(node)}).release();
  });
}

ort::Status* compute(void* kernel, ort::KernelContext* context) {
  const auto& named = *static_cast<const Named*>(kernel);
  return guarded(named.subject, [&] { named.kernel->compute(Call(*api, context)); });
}

Registered::Registered(Operator described) : ort::CustomOp{}, op(std::move(described)) {
  version = ort::kApiVersion;
  get_name = [](const CustomOp* self) { return op_of(self).name.c_str(); };
  get_execution_provider = [](const CustomOp*) -> const char* { return "CPUExecutionProvider"; };
  get_input_type = [](const CustomOp* self, size_t i) { return op_of(self).inputs[i]; };
  get_input_count = [](const CustomOp* self) { return op_of(self).inputs.size(); };
  get_output_type = [](const CustomOp* self, size_t i) { return op_of(self).outputs[i]; };
  get_output_count = [](const CustomOp* self) { return op_of(self).outputs.size(); };
  destroy = [](void* kernel) { std::unique_ptr<Named>(static_cast<Named*>(kernel)).reset(); };
  get_input_characteristic = [](const CustomOp*, size_t) { return 0; };
  get_output_characteristic = [](const CustomOp*, size_t) { return 0; };
  get_input_memory_type = [](const CustomOp*, size_t) { return 0; };
  get_variadic_input_min_arity = [](const CustomOp*) { return 1; };
  get_variadic_input_homogeneity = [](const CustomOp*) { return 1; };
  get_variadic_output_min_arity = [](const CustomOp*) { return 1; };
  get_variadic_output_homogeneity = [](const CustomOp*) { return 1; };
  create_kernel_v2 = create;
  compute_v2 = jpegcompile::compute;
  // One version of the contract between kernels: files of another one run by their bodies.
  get_start_version = [](const CustomOp*) { return kContractVersion; };
  get_end_version = [](const CustomOp*) { return kContractVersion; };
}

// Made once and never released: sessions hold pointers to it until the process ends.
ort::Status* domain(ort::CustomOpDomain** made) {
  static std::mutex mutex;
  static ort::CustomOpDomain* domain = nullptr;
  static std::vector<std::unique_ptr<Registered>> registered;
  const std::scoped_lock lock(mutex);
  if (domain == nullptr) {
    if (auto* status = ort::create_custom_op_domain(*api, kDomain, &domain)) return status;
    for (Operator& op : operators()) {
      registered.push_back(std::make_unique<Registered>(std::move(op)));
      const ort::CustomOp* added = registered.back().get();
      if (auto* status = ort::custom_op_domain_add(*api, domain, added)) return status;
    }
  }
  *made = domain;
  return nullptr;
}

}  // namespace
}  // namespace jpegcompile

extern "C" __attribute__((visibility("default"))) jpegcompile::ort::Status* RegisterCustomOps(
    jpegcompile::ort::SessionOptions* options, const jpegcompile::ort::ApiBase* base) {
  using namespace jpegcompile;
  // Without the interface there is no way to make a status: the runtime is older than 1.17 and
  // loading goes on, with the function bodies.
  const ort::Api* given = base->get_api(ort::kApiVersion);
  if (given == nullptr) return nullptr;
  api = given;
  ort::CustomOpDomain* made = nullptr;
  ort::Status* status = nullptr;
  if (auto* failed = guarded("jpegcompile", [&] { status = domain(&made); })) return failed;
  if (status != nullptr) return status;
  return ort::add_custom_op_domain(*api, options, made);
}

// Names of the operators, one a line, for tools that tell which nodes run here; valid for ever.
extern "C" __attribute__((visibility("default"))) const char* JpegcompileOperators() noexcept {
  try {
    static const std::string names = [] {
      std::string lines;
      for (const jpegcompile::Operator& op : jpegcompile::operators()) lines += op.name + "\n";
      return lines;
    }();
    return names.c_str();
  } catch (...) {
    return nullptr;
  }
}
