#include <algorithm>
#include <string>

#include "ort/kernel.h"
#include "ort/values.h"

namespace jpegcompile {
namespace {

// More than any session has; surplus threads find no work left.
constexpr size_t kMaxThreads = 64;

}  // namespace

Tensor Call::input(In name) const {
  const size_t index = definition_.index(name);
  const ort::Value* value = nullptr;
  ort::check(api_, ort::get_input(api_, context_, index, &value));
  if (value == nullptr) throw KernelError(std::string("input '") + name_of(name) + "' is missing");
  return ort::view(api_, value);
}

void* Call::output(Out name, const Shape& shape) const {
  const size_t index = definition_.index(name);
  ort::Value* value = nullptr;
  ort::check(api_, ort::get_output(api_, context_, index, shape.data(), shape.rank(), &value));
  void* data = nullptr;
  ort::check(api_, ort::get_tensor_mutable_data(api_, value, &data));
  return data;
}

void Call::run(Stages& stages) const {
  const size_t threads = std::min(stages.most_items(), kMaxThreads);
  if (threads == 1) {
    stages.take_part();
  } else if (threads > 1) {
    const auto take_part = [](void* all, size_t) { static_cast<Stages*>(all)->take_part(); };
    ort::check(api_, ort::parallel_for(api_, context_, take_part, threads, threads, &stages));
  }
  stages.finish();
}

}  // namespace jpegcompile
