// The library that ONNX Runtime loads: `register_custom_ops_library`.
#include <atomic>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ort/abi.h"
#include "ort/definition.h"
#include "ort/kernel.h"
#include "tiles/isa.h"
#include "work/workspace.h"

namespace jpegcompile {
namespace {

ort::Status* out_of_memory(const ort::Api& api) {
  return ort::create_status(api, ort::kFail, "jpegcompile: out of memory");
}

// Memory may be short for the message, too.
ort::Status* failure(const ort::Api& api, const std::string& subject, const char* cause) noexcept {
  try {
    const std::string message = subject + ": " + cause;
    return ort::create_status(api, ort::kFail, message.c_str());
  } catch (...) {
    return out_of_memory(api);
  }
}

// Nothing is thrown across the C interface.
template <typename Action>
ort::Status* guarded(const ort::Api& api, const std::string& subject,
                     const Action& action) noexcept {
  try {
    action();
    return nullptr;
  } catch (const std::bad_alloc&) {
    return out_of_memory(api);
  } catch (const std::exception& error) {
    return failure(api, subject, error.what());
  } catch (...) {
    return failure(api, subject, "unknown failure");
  }
}

// The runtime's description of an operator, which is handed back to every function of it.
struct Registered : ort::CustomOp {
  explicit Registered(const Definition& described);
  const Definition& definition;
};

std::atomic<size_t> kernels_alive{0};

// A kernel with what its messages begin with, and the interface of the runtime that made it.
struct Named {
  Named(const ort::Api& runtime, const Definition& defined, std::string named,
        std::unique_ptr<Kernel> made)
      : api(runtime), definition(defined), subject(std::move(named)), kernel(std::move(made)) {
    ++kernels_alive;
  }
  // Nobody is left to use what kernels keep between calls.
  ~Named() {
    if (--kernels_alive == 0) Workspace::release_all();
  }
  Named(const Named&) = delete;
  Named& operator=(const Named&) = delete;

  const ort::Api& api;
  const Definition& definition;
  std::string subject;
  std::unique_ptr<Kernel> kernel;
  Team team;
};

const Definition& definition_of(const ort::CustomOp* self) {
  return static_cast<const Registered*>(self)->definition;
}

ort::Status* create(const ort::CustomOp* self, const ort::Api* api, const ort::KernelInfo* info,
                    void** kernel) {
  const Definition& definition = definition_of(self);
  std::string subject;
  const auto make = [&] {
    subject = definition.name;
    const Node node(*api, info, definition);
    subject += " '" + node.name() + "'";
    auto made = std::make_unique<Named>(*api, definition, subject, definition.make(node));
    *kernel = made.release();
  };
  return guarded(*api, subject, make);
}

ort::Status* compute(void* kernel, ort::KernelContext* context) {
  auto& named = *static_cast<Named*>(kernel);
  return guarded(named.api, named.subject,
                 [&] {
                   named.kernel->compute(Call(named.api, context, named.team, named.definition));
                 });
}

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
  destroy = [](void* kernel) { std::unique_ptr<Named>(static_cast<Named*>(kernel)).reset(); };
  get_input_characteristic = [](const CustomOp* self, size_t i) {
    return definition_of(self).inputs[i].is_optional ? 1 : 0;
  };
  get_output_characteristic = [](const CustomOp*, size_t) { return 0; };
  get_input_memory_type = [](const CustomOp*, size_t) { return 0; };
  get_variadic_input_min_arity = [](const CustomOp*) { return 1; };
  get_variadic_input_homogeneity = [](const CustomOp*) { return 1; };
  get_variadic_output_min_arity = [](const CustomOp*) { return 1; };
  get_variadic_output_homogeneity = [](const CustomOp*) { return 1; };
  create_kernel_v2 = create;
  compute_v2 = jpegcompile::compute;
  get_start_version = [](const CustomOp*) { return static_cast<int>(kDomainVersion); };
  get_end_version = [](const CustomOp*) { return static_cast<int>(kDomainVersion); };
}

// All operators, made once. Never released: a session may be in use until the process ends, behind
// the end of `main`.
const std::vector<std::unique_ptr<Registered>>& registered() {
  static const auto& all = []() -> auto& {
    auto made = std::make_unique<std::vector<std::unique_ptr<Registered>>>();
    for (const Definition& one : definitions()) made->push_back(std::make_unique<Registered>(one));
    return *made.release();
  }();
  return all;
}

// A domain of all operators, or none: a file must not mix kernels and bodies.
ort::Status* make_domain(const ort::Api& api, ort::CustomOpDomain** made) {
  ort::CustomOpDomain* domain = nullptr;
  if (auto* status = ort::create_custom_op_domain(api, kDomain, &domain)) return status;
  for (const auto& op : registered()) {
    const ort::CustomOp* added = op.get();
    if (auto* status = ort::custom_op_domain_add(api, domain, added)) {
      ort::release_custom_op_domain(api, domain);
      return status;
    }
  }
  *made = domain;
  return nullptr;
}

// The domain of a runtime, of which a process may hold several. Never released either.
ort::Status* domain_of(const ort::Api& api, ort::CustomOpDomain** domain) {
  static std::mutex mutex;
  static auto& domains =
      *std::make_unique<std::map<const ort::Api*, ort::CustomOpDomain*>>().release();
  const std::scoped_lock lock(mutex);
  ort::CustomOpDomain*& known = domains[&api];
  ort::Status* status = known == nullptr ? make_domain(api, &known) : nullptr;
  *domain = known;
  return status;
}

}  // namespace
}  // namespace jpegcompile

extern "C" __attribute__((visibility("default"))) jpegcompile::ort::Status* RegisterCustomOps(
    jpegcompile::ort::SessionOptions* options, const jpegcompile::ort::ApiBase* base) {
  using namespace jpegcompile;
  // Without the interface there is no way to make a status: the runtime is older than 1.17 and
  // loading goes on, with the function bodies.
  const ort::Api* api = base->get_api(ort::kApiVersion);
  if (api == nullptr) return nullptr;
  ort::CustomOpDomain* domain = nullptr;
  ort::Status* status = nullptr;
  const auto find = [&] {
    check_asked_isa();
    status = domain_of(*api, &domain);
  };
  if (auto* failed = guarded(*api, "jpegcompile", find)) return failed;
  if (status != nullptr) return status;
  return ort::add_custom_op_domain(*api, options, domain);
}

// Names of the operators, one a line, for tools that tell which nodes run here; valid for ever.
extern "C" __attribute__((visibility("default"))) const char* JpegcompileOperators() noexcept {
  try {
    static const std::string names = [] {
      std::string lines;
      for (const jpegcompile::Definition& one : jpegcompile::definitions()) {
        lines += std::string(one.name) + "\n";
      }
      return lines;
    }();
    return names.c_str();
  } catch (...) {
    return nullptr;
  }
}
