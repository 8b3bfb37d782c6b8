// A stand-in for libcuda.so.1, for machines without a GPU: it launches nothing, but records what it
// is asked for, and complains of what a driver would refuse.
//
// JPEGCOMPILE_STAND_IN_ARCH is the compute capability of its device, 90 unless it says another one;
// 0 for no device.
#include "stand_in_cuda.h"

#include <cstring>
#include <utility>

#include "stand_in_driver.h"
#include "stand_in_image.h"

using namespace stand_in_cuda;

extern "C" {

const char* stand_in_cuda_log() {
  const std::scoped_lock lock(driver().mutex);
  driver().shown = driver().log;
  return driver().shown.c_str();
}

void stand_in_cuda_forget() {
  const std::scoped_lock lock(driver().mutex);
  driver().log.clear();
}

int64_t stand_in_cuda_fail(int64_t n, int all) {
  const std::scoped_lock lock(driver().mutex);
  const int64_t left = driver().until_failure;
  driver().until_failure = n;
  driver().all_fail = all != 0;
  driver().is_failing = false;
  return left;
}

int64_t stand_in_cuda_alive() {
  const std::scoped_lock lock(driver().mutex, pushed_mutex);
  Driver& all = driver();
  return static_cast<int64_t>(all.modules.size() + all.memory.size()) + all.primary.retained +
         pushed;
}

int64_t stand_in_cuda_wrong() {
  const std::scoped_lock lock(driver().mutex);
  return driver().wrong;
}

int cuGetErrorName(int error, const char** name) {
  static const std::map<int, const char*> kNames = {
      {kInvalidValue, "CUDA_ERROR_INVALID_VALUE"},   {kNoDevice, "CUDA_ERROR_NO_DEVICE"},
      {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE"}, {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE"},
      {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT"}, {kNotFound, "CUDA_ERROR_NOT_FOUND"},
      {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED"}};
  const auto found = kNames.find(error);
  *name = found == kNames.end() ? nullptr : found->second;
  return found == kNames.end() ? kInvalidValue : 0;
}

int cuGetErrorString(int error, const char** text) {
  const int result = cuGetErrorName(error, text);
  if (result == 0) *text = "words of the stand-in";
  return result;
}

int cuInit(unsigned flags) {
  const Entered entered("cuInit");
  if (entered.result != 0) return entered.result;
  if (flags != 0) return complain("cuInit takes 0", kInvalidValue);
  return arch() == 0 ? kNoDevice : 0;
}

int cuDriverGetVersion(int* version) {
  const Entered entered("cuDriverGetVersion");
  *version = 13010;
  return entered.result;
}

int cuDeviceGet(int* device, int ordinal) {
  const Entered entered("cuDeviceGet");
  if (entered.result != 0) return entered.result;
  *device = ordinal;
  return ordinal == 0 ? 0 : kInvalidDevice;
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  const Entered entered("cuDeviceGetAttribute");
  if (entered.result != 0) return entered.result;
  const std::map<int, int> values = {
      {16, 132}, {75, arch() / 10}, {76, arch() % 10}, {97, 227 << 10}};
  const auto found = values.find(attribute);
  if (device != 0 || found == values.end()) return complain("attribute", kInvalidValue);
  *value = found->second;
  return 0;
}

int cuDevicePrimaryCtxRetain(Context** context, int device) {
  const Entered entered("cuDevicePrimaryCtxRetain");
  if (entered.result != 0) return entered.result;
  if (device != 0) return complain("device", kInvalidDevice);
  ++driver().primary.retained;
  *context = &driver().primary;
  return 0;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  const Entered entered("cuDevicePrimaryCtxRelease");
  if (device != 0 || driver().primary.retained == 0) return complain("release", kInvalidContext);
  --driver().primary.retained;
  return entered.result;
}

int cuCtxGetCurrent(Context** context) {
  const Entered entered("cuCtxGetCurrent");
  *context = current.empty() ? nullptr : current.back();
  return entered.result;
}

int cuCtxGetDevice(int* device) {
  const Entered entered("cuCtxGetDevice");
  if (entered.result != 0) return entered.result;
  *device = 0;
  return current.empty() ? complain("no context", kInvalidContext) : 0;
}

int cuCtxPushCurrent_v2(Context* context) {
  const Entered entered("cuCtxPushCurrent");
  if (entered.result != 0) return lose_everything(), entered.result;
  if (context == nullptr) return complain("no context", kInvalidContext);
  current.push_back(context);
  const std::scoped_lock lock(pushed_mutex);
  ++pushed;
  return 0;
}

// Fails only if the stack is empty. No failure is planned here, so that contexts are always popped.
int cuCtxPopCurrent_v2(Context** context) {
  const std::scoped_lock lock(driver().mutex, pushed_mutex);
  if (current.empty()) return complain("nothing was pushed", kInvalidContext);
  *context = current.back();
  current.pop_back();
  --pushed;
  return 0;
}

int cuModuleLoadData(Module** module, const void* image) {
  const Entered entered("cuModuleLoadData");
  if (entered.result != 0) return entered.result;
  if (current.empty()) return complain("a module without a context", kInvalidContext);
  if (std::memcmp(image, "\x7F" "ELF", 4) != 0) return complain("no ELF file", kInvalidImage);
  const auto* bytes = static_cast<const char*>(image);
  auto made = std::make_unique<Module>(
      Module{++driver().modules_made, std::string(bytes, size_of_image(bytes))});
  note("load " + number(static_cast<uint64_t>(made->number)) + " " + number(made->image.size()));
  *module = made.get();
  driver().gone.erase(*module);
  driver().modules[*module] = std::move(made);
  return 0;
}

int cuModuleUnload(Module* module) {
  const Entered entered("cuModuleUnload");
  if (current.empty()) return complain("a module without a context", kInvalidContext);
  std::erase_if(driver().functions, [&](const auto& one) { return one.first->module == module; });
  if (driver().gone.erase(module) > 0) return kInvalidContext;
  if (driver().modules.erase(module) == 0) return complain("no such module", kInvalidValue);
  return entered.result;
}

int cuModuleGetFunction(Function** function, Module* module, const char* entry) {
  const Entered entered("cuModuleGetFunction");
  if (entered.result != 0) return entered.result;
  auto sizes = parameters_of(module->image, entry);
  if (sizes.empty()) return complain("no function " + std::string(entry), kNotFound);
  auto made = std::make_unique<Function>(Function{module, entry, std::move(sizes)});
  note("function " + number(static_cast<uint64_t>(module->number)) + " " + entry);
  *function = made.get();
  driver().functions[*function] = std::move(made);
  return 0;
}

int cuFuncSetAttribute(Function* function, int attribute, int value) {
  const Entered entered("cuFuncSetAttribute");
  if (entered.result != 0) return entered.result;
  if (attribute != 8) return complain("attribute of a function", kInvalidValue);
  note("limit " + number(static_cast<uint64_t>(value)));
  function->shared_limit = value;
  return 0;
}

int cuLaunchKernel(Function* function, unsigned x, unsigned y, unsigned z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared, void* stream,
                   void** parameters, void** extra) {
  const Entered entered("cuLaunchKernel");
  if (entered.result != 0) return entered.result;
  if (current.empty()) return complain("a launch without a context", kInvalidContext);
  if (!driver().functions.contains(function)) return complain("no such function", kInvalidValue);
  const bool is_fine = x > 0 && y > 0 && z > 0 && y < 65536 && z < 65536 && block_y == 1 &&
                       block_z == 1 && block_x <= 1024 && extra == nullptr &&
                       static_cast<int>(shared) <= function->shared_limit;
  if (!is_fine) return complain("a launch of " + function->entry, kInvalidValue);
  std::string line = "launch " + function->entry + " grid " + number(x) + " " + number(y) + " " +
                     number(z) + " block " + number(block_x) + " shared " + number(shared) +
                     " stream " + address(stream) + " parameters";
  const auto& sizes = function->parameters;
  for (size_t i = 0; i < sizes.size(); ++i) line += " " + hex(parameters[i], sizes[i]);
  note(line);
  return 0;
}

// Addresses are not mapped by the process, so nobody can access the memory.
int cuMemAlloc_v2(uintptr_t* made, size_t bytes) {
  const Entered entered("cuMemAlloc");
  if (entered.result != 0) return entered.result;
  if (bytes == 0 || current.empty()) return complain("an allocation", kInvalidValue);
  *made = driver().next_address;
  driver().next_address += (bytes + 511) / 256 * 256;
  driver().memory[*made] = bytes;
  note("allocate " + address(reinterpret_cast<void*>(*made)) + " " + number(bytes));
  return 0;
}

int cuMemFree_v2(uintptr_t memory) {
  const Entered entered("cuMemFree");
  if (driver().gone.erase(reinterpret_cast<const void*>(memory)) > 0) return kInvalidContext;
  if (driver().memory.erase(memory) == 0) return complain("no such memory", kInvalidValue);
  return entered.result;
}

int cuMemcpyHtoDAsync_v2(uintptr_t to, const void* from, size_t bytes, void*) {
  const Entered entered("cuMemcpyHtoDAsync");
  if (entered.result != 0) return entered.result;
  if (current.empty()) return complain("a copy without a context", kInvalidContext);
  const auto found = driver().memory.find(to);
  if (found != driver().memory.end() && found->second < bytes) {
    return complain("a copy beyond its memory", kInvalidValue);
  }
  note("copy " + address(reinterpret_cast<void*>(to)) + " " + hex(from, bytes));
  return 0;
}

int cuStreamSynchronize(void*) { return Entered("cuStreamSynchronize").result; }
}
