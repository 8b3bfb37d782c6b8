// The library that ONNX Runtime loads: `register_custom_ops_library`.
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cuda/runtime.h"
#include "ort/abi.h"
#include "ort/definition.h"
#include "ort/guard.h"
#include "ort/registered.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

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
  if (auto* failed = ort::guarded(*api, "jpegcompile", find)) return failed;
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

// What there is to run operators on CUDA by, or why there is nothing, in one line; valid for ever.
extern "C" __attribute__((visibility("default"))) const char* JpegcompileCudaStatus() noexcept {
  try {
    return jpegcompile::cuda::status().c_str();
  } catch (...) {
    return nullptr;
  }
}
