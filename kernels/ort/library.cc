// The library that ONNX Runtime loads: `register_custom_ops_library`.
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_set>

#include "cuda/runtime.h"
#include "ort/abi.h"
#include "ort/definition.h"
#include "ort/guard.h"
#include "ort/registered.h"
#include "ort/values.h"
#include "tiles/isa.h"

namespace jpegcompile {
namespace {

// Configuration entries of a session. kCudaEntry: "0" disables CUDA without looking for a device.
// kCubinsEntry: paths of compiled kernels, passed to cuda::decision. kOperatorsEntry: names of the
// operators to register, separated by ":"; without it, all of them. ONNX Runtime makes a schema of
// each registered operator for each session, which takes 10 ms for all.
constexpr const char* kCudaEntry = "jpegcompile.cuda";
constexpr const char* kCubinsEntry = "jpegcompile.cubins";
constexpr const char* kOperatorsEntry = "jpegcompile.operators";

// Empty if the session has no such entry.
std::string entry(const ort::Api& api, const ort::SessionOptions* options, const char* key) {
  int is_there = 0;
  ort::check(api, ort::has_config_entry(api, options, key, &is_there));
  if (is_there == 0) return {};
  size_t size = 0;
  ort::check(api, ort::get_config_entry(api, options, key, nullptr, &size));
  std::string value(size, '\0');
  ort::check(api, ort::get_config_entry(api, options, key, value.data(), &size));
  value.pop_back();
  return value;
}

const cuda::Runtime* runtime_for(const ort::Api& api, const ort::SessionOptions* options) {
  if (entry(api, options, kCudaEntry) == "0") return nullptr;
  return cuda::decision(entry(api, options, kCubinsEntry)).runtime.get();
}

std::unordered_set<std::string> split(const std::string& names) {
  std::unordered_set<std::string> found;
  std::istringstream stream(names);
  for (std::string name; std::getline(stream, name, ':');) found.insert(name);
  return found;
}

// Creates an operator domain with the named operators, or throws: a model must not mix native
// kernels and function bodies. `names` as in kOperatorsEntry, empty for all operators.
ort::CustomOpDomain* make_domain(const ort::Api& api, const cuda::Runtime* runtime,
                                 const std::string& names) {
  const auto wanted = split(names);
  ort::CustomOpDomain* domain = nullptr;
  ort::check(api, ort::create_custom_op_domain(api, kDomain, &domain));
  for (const auto& op : registered(runtime)) {
    if (!wanted.empty() && wanted.count(op->definition.name) == 0) continue;
    if (auto* status = ort::custom_op_domain_add(api, domain, op.get())) {
      ort::release_custom_op_domain(api, domain);
      ort::check(api, status);
    }
  }
  return domain;
}

// The operator domain of an interface of ONNX Runtime, of which a process may contain several, of a
// CUDA runtime and of the names of operators. Never destroyed.
ort::CustomOpDomain* domain_of(const ort::Api& api, const cuda::Runtime* runtime,
                               const std::string& names) {
  using Key = std::tuple<const ort::Api*, const cuda::Runtime*, std::string>;
  static std::mutex mutex;
  static auto& domains = *std::make_unique<std::map<Key, ort::CustomOpDomain*>>().release();
  const std::scoped_lock lock(mutex);
  ort::CustomOpDomain*& known = domains[{&api, runtime, names}];
  if (known == nullptr) known = make_domain(api, runtime, names);
  return known;
}

}  // namespace
}  // namespace jpegcompile

extern "C" __attribute__((visibility("default"))) jpegcompile::ort::Status* RegisterCustomOps(
    jpegcompile::ort::SessionOptions* options, const jpegcompile::ort::ApiBase* base) {
  using namespace jpegcompile;
  // ONNX Runtime is older than 1.17. Without the interface no status can be created, so loading
  // continues with the function bodies.
  const ort::Api* api = base->get_api(ort::kApiVersion);
  if (api == nullptr) return nullptr;
  return ort::guarded(*api, "jpegcompile", [&] {
    check_asked_isa();
    const std::string names = entry(*api, options, kOperatorsEntry);
    ort::CustomOpDomain* domain = domain_of(*api, runtime_for(*api, options), names);
    ort::check(*api, ort::add_custom_op_domain(*api, options, domain));
  });
}

// Returns the names of the operators with native kernels, one per line. The text stays valid
// forever.
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

// Returns the names of the operators that run on CUDA, one per line. `cubins` as in
// JpegcompileCudaStatus.
extern "C" __attribute__((visibility("default"))) const char* JpegcompileCudaOperators(
    const char* cubins) noexcept {
  try {
    static std::mutex mutex;
    static auto& known = *std::make_unique<std::map<std::string, std::string>>().release();
    const std::scoped_lock lock(mutex);
    const auto found = known.find(cubins);
    if (found != known.end()) return found->second.c_str();
    std::string lines;
    const auto* runtime = jpegcompile::cuda::decision(cubins).runtime.get();
    for (const auto& op : jpegcompile::registered(runtime)) {
      if (op->cuda != nullptr) lines += std::string(op->definition.name) + "\n";
    }
    return known.emplace(cubins, std::move(lines)).first->second.c_str();
  } catch (...) {
    return nullptr;
  }
}

// Returns the first device, such as "sm_90", or "no CUDA: " and the reason. The text stays valid
// forever.
extern "C" __attribute__((visibility("default"))) const char* JpegcompileCudaDevice() noexcept {
  try {
    static const std::string device = jpegcompile::cuda::first_device();
    return device.c_str();
  } catch (...) {
    return nullptr;
  }
}

// Returns what was found to run operators on CUDA, or why they cannot run, in one line. `cubins` is
// the value of the session entry "jpegcompile.cubins", or empty. The text stays valid forever.
extern "C" __attribute__((visibility("default"))) const char* JpegcompileCudaStatus(
    const char* cubins) noexcept {
  try {
    return jpegcompile::cuda::decision(cubins).status.c_str();
  } catch (...) {
    return nullptr;
  }
}
