// Runs a compiled model with the native kernels and without Python.
//
//     c++ -std=c++20 -Ikernels docs/embed.cc -o embed -ldl
//     embed LIBONNXRUNTIME LIBJPEGCOMPILE_ORT MODEL.onnx [TENSOR...]
//
// TENSOR is a file of raw elements, one for each input in the model's order. Without files the
// inputs are a fixed sequence of numbers. Dynamic dimensions are 1. The program prints the name and
// shape of each output, then its values, one on each line.
//
// With ONNX Runtime's headers this takes a dozen lines (`Ort::Session`,
// `Ort::SessionOptions::RegisterCustomOpsLibrary`). Without them, as here, the program finds the
// functions of the C interface by their index, which never changes.
#include <dlfcn.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "ort/abi.h"
#include "tiles/tensor.h"

namespace jpegcompile::ort {

struct Env;
struct Session;
struct RunOptions;
struct Allocator;
struct MemoryInfo;
struct TypeInfo;

inline constexpr Slot<3, Status*(int level, const char* name, Env**)> create_env;
inline constexpr Slot<7, Status*(const Env*, const char* path, const SessionOptions*, Session**)>
    create_session;
inline constexpr Slot<9, Status*(Session*, const RunOptions*, const char* const* input_names,
                                 const Value* const* inputs, size_t, const char* const* output_names,
                                 size_t, Value** outputs)>
    run;
inline constexpr Slot<10, Status*(SessionOptions**)> create_session_options;
inline constexpr Slot<29, Status*(SessionOptions*, const char* path, void** library)>
    register_library;
inline constexpr Slot<30, Status*(const Session*, size_t*)> session_input_count;
inline constexpr Slot<31, Status*(const Session*, size_t*)> session_output_count;
inline constexpr Slot<33, Status*(const Session*, size_t, TypeInfo**)> session_input_type;
inline constexpr Slot<36, Status*(const Session*, size_t, Allocator*, char**)> session_input_name;
inline constexpr Slot<37, Status*(const Session*, size_t, Allocator*, char**)> session_output_name;
inline constexpr Slot<49, Status*(const MemoryInfo*, void* data, size_t bytes, const int64_t* shape,
                                  size_t rank, int type, Value**)>
    create_tensor;
inline constexpr Slot<55, Status*(const TypeInfo*, const TensorTypeAndShapeInfo**)> tensor_info;
inline constexpr Slot<69, Status*(int allocator, int kind, MemoryInfo**)> create_cpu_memory_info;
inline constexpr Slot<76, Status*(Allocator*, void*)> allocator_free;
inline constexpr Slot<78, Status*(Allocator**)> default_allocator;
inline constexpr Slot<92, void(Env*)> release_env;
inline constexpr Slot<95, void(Session*)> release_session;
inline constexpr Slot<96, void(Value*)> release_value;
inline constexpr Slot<98, void(TypeInfo*)> release_type_info;
inline constexpr Slot<100, void(SessionOptions*)> release_session_options;

}  // namespace jpegcompile::ort

namespace {

namespace ort = jpegcompile::ort;

constexpr int kWarning = 2, kArena = 1;

class Runtime {
 public:
  explicit Runtime(const char* path) {
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto base = reinterpret_cast<const ort::ApiBase* (*)()>(dlsym(library, "OrtGetApiBase"));
    if (base == nullptr) throw std::runtime_error(std::string(path) + ": not ONNX Runtime");
    api_ = base()->get_api(ort::kApiVersion);
    if (api_ == nullptr) throw std::runtime_error(std::string(path) + ": older than 1.17");
  }

  // Calls a function of the interface; throws its error.
  template <typename Slot, typename... Arguments>
  void call(const Slot& slot, Arguments... arguments) const {
    ort::Status* status = slot(*api_, arguments...);
    if (status == nullptr) return;
    const std::string message = ort::get_error_message(*api_, status);
    ort::release_status(*api_, status);
    throw std::runtime_error(message);
  }

  // An object that is released by the function of `release`.
  template <typename T, typename Slot>
  std::shared_ptr<T> own(T* object, const Slot& release) const {
    return {object, [api = api_, release](T* last) { release(*api, last); }};
  }

 private:
  const ort::Api* api_;
};

struct Tensor {
  std::string name;
  int type = 0;
  std::vector<int64_t> shape;
  std::vector<char> bytes;

  size_t elements() const {
    return static_cast<size_t>(
        std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>()));
  }
};

void read_shape(const Runtime& runtime, const ort::TensorTypeAndShapeInfo* info, Tensor& tensor) {
  size_t rank = 0;
  runtime.call(ort::get_tensor_element_type, info, &tensor.type);
  runtime.call(ort::get_dimensions_count, info, &rank);
  tensor.shape.resize(rank);
  runtime.call(ort::get_dimensions, info, tensor.shape.data(), rank);
}

size_t element_bytes(int type) {
  switch (static_cast<jpegcompile::ElementType>(type)) {
    case jpegcompile::ElementType::kFloat:
      return sizeof(float);
    case jpegcompile::ElementType::kUint8:
      return 1;
    default:
      return sizeof(int16_t);
  }
}

// Dynamic dimensions: the first is the number of bytes of a file, the others are 1.
void close_shape(Tensor& tensor) {
  int64_t* open = nullptr;
  for (int64_t& extent : tensor.shape) {
    if (extent >= 0) continue;
    if (open == nullptr) open = &extent;
    extent = 1;
  }
  const size_t one = tensor.elements() * element_bytes(tensor.type);
  // ONNX Runtime refuses partial elements when the tensor is created.
  if (open != nullptr && !tensor.bytes.empty() && one > 0 && tensor.bytes.size() % one == 0) {
    *open = static_cast<int64_t>(tensor.bytes.size() / one);
  }
}

template <typename T>
void fill(Tensor& tensor, int64_t low, int64_t high) {
  tensor.bytes.resize(tensor.elements() * sizeof(T));
  uint64_t state = 1;
  for (size_t index = 0; index < tensor.elements(); ++index) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    const auto below = static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(high - low + 1));
    reinterpret_cast<T*>(tensor.bytes.data())[index] = static_cast<T>(low + below);
  }
}

void invent(Tensor& tensor) {
  switch (static_cast<jpegcompile::ElementType>(tensor.type)) {
    case jpegcompile::ElementType::kFloat:
      return fill<float>(tensor, -2, 2);
    case jpegcompile::ElementType::kInt16:  // quantized coefficients
      return fill<int16_t>(tensor, -2, 2);
    case jpegcompile::ElementType::kUint16:  // quantization tables
      return fill<uint16_t>(tensor, 1, 16);
    default:
      throw std::runtime_error(tensor.name + ": give a file for it");
  }
}

class Model {
 public:
  Model(const Runtime& runtime, const char* kernels, const char* path) : runtime_(runtime) {
    ort::Env* env = nullptr;
    runtime.call(ort::create_env, kWarning, "embed", &env);
    env_ = runtime.own(env, ort::release_env);
    ort::SessionOptions* options = nullptr;
    runtime.call(ort::create_session_options, &options);
    const auto owned = runtime.own(options, ort::release_session_options);
    void* library = nullptr;  // stays loaded
    runtime.call(ort::register_library, options, kernels, &library);
    ort::Session* session = nullptr;
    runtime.call(ort::create_session, env, path, options, &session);
    session_ = runtime.own(session, ort::release_session);
  }

  std::vector<Tensor> inputs() const {
    size_t count = 0;
    runtime_.call(ort::session_input_count, session_.get(), &count);
    std::vector<Tensor> tensors(count);
    for (size_t index = 0; index < count; ++index) {
      tensors[index].name = name(ort::session_input_name, index);
      ort::TypeInfo* type = nullptr;
      runtime_.call(ort::session_input_type, session_.get(), index, &type);
      const auto owned = runtime_.own(type, ort::release_type_info);
      const ort::TensorTypeAndShapeInfo* info = nullptr;
      runtime_.call(ort::tensor_info, type, &info);
      if (info == nullptr) throw std::runtime_error(tensors[index].name + " is no tensor");
      read_shape(runtime_, info, tensors[index]);
    }
    return tensors;
  }

  std::vector<Tensor> run(std::vector<Tensor>& inputs) const {
    std::vector<std::shared_ptr<ort::Value>> owned;
    std::vector<const ort::Value*> values;
    std::vector<const char*> input_names, output_names;
    for (Tensor& input : inputs) {
      owned.push_back(value_of(input));
      values.push_back(owned.back().get());
      input_names.push_back(input.name.c_str());
    }
    size_t count = 0;
    runtime_.call(ort::session_output_count, session_.get(), &count);
    std::vector<Tensor> outputs(count);
    for (size_t index = 0; index < count; ++index) {
      outputs[index].name = name(ort::session_output_name, index);
      output_names.push_back(outputs[index].name.c_str());
    }
    std::vector<ort::Value*> results(count, nullptr);
    runtime_.call(ort::run, session_.get(), static_cast<const ort::RunOptions*>(nullptr),
                  input_names.data(), values.data(), values.size(), output_names.data(), count,
                  results.data());
    for (size_t index = 0; index < count; ++index) {
      read_result(runtime_.own(results[index], ort::release_value), outputs[index]);
    }
    return outputs;
  }

 private:
  template <typename Slot>
  std::string name(const Slot& slot, size_t index) const {
    ort::Allocator* allocator = nullptr;
    runtime_.call(ort::default_allocator, &allocator);
    char* text = nullptr;
    runtime_.call(slot, session_.get(), index, allocator, &text);
    const std::string copied = text;
    runtime_.call(ort::allocator_free, allocator, static_cast<void*>(text));
    return copied;
  }

  std::shared_ptr<ort::Value> value_of(Tensor& tensor) const {
    ort::MemoryInfo* memory = nullptr;
    runtime_.call(ort::create_cpu_memory_info, kArena, 0, &memory);
    const auto owned = runtime_.own(memory, ort::release_memory_info);
    ort::Value* value = nullptr;
    runtime_.call(ort::create_tensor, memory, static_cast<void*>(tensor.bytes.data()),
                  tensor.bytes.size(), tensor.shape.data(), tensor.shape.size(), tensor.type,
                  &value);
    return runtime_.own(value, ort::release_value);
  }

  void read_result(const std::shared_ptr<ort::Value>& value, Tensor& to) const {
    ort::TensorTypeAndShapeInfo* info = nullptr;
    runtime_.call(ort::get_tensor_type_and_shape, value.get(), &info);
    const auto owned = runtime_.own(info, ort::release_tensor_type_and_shape);
    read_shape(runtime_, info, to);
    if (to.type != static_cast<int>(jpegcompile::ElementType::kFloat)) {
      throw std::runtime_error(to.name + " is not of type float32");
    }
    void* data = nullptr;
    runtime_.call(ort::get_tensor_mutable_data, value.get(), &data);
    const char* bytes = static_cast<const char*>(data);
    to.bytes.assign(bytes, bytes + to.elements() * sizeof(float));
  }

  const Runtime& runtime_;
  std::shared_ptr<ort::Env> env_;
  std::shared_ptr<ort::Session> session_;
};

void print(const Tensor& tensor) {
  std::printf("%s", tensor.name.c_str());
  for (const int64_t extent : tensor.shape) std::printf(" %lld", static_cast<long long>(extent));
  std::printf("\n");
  const auto* values = reinterpret_cast<const float*>(tensor.bytes.data());
  for (size_t index = 0; index < tensor.elements(); ++index) std::printf("%.9g\n", values[index]);
}

void run(const std::vector<const char*>& arguments) {
  const Runtime runtime(arguments.at(0));
  const Model model(runtime, arguments.at(1), arguments.at(2));
  std::vector<Tensor> inputs = model.inputs();
  if (arguments.size() != 3 && arguments.size() != 3 + inputs.size()) {
    throw std::runtime_error("the model has " + std::to_string(inputs.size()) +
                             " inputs; give a file for each, or none");
  }
  for (size_t index = 0; index < inputs.size(); ++index) {
    if (arguments.size() == 3) {
      close_shape(inputs[index]);
      invent(inputs[index]);
      continue;
    }
    std::ifstream file(arguments.at(3 + index), std::ios::binary);
    if (!file) throw std::runtime_error(std::string(arguments[3 + index]) + ": cannot be read");
    inputs[index].bytes.assign(std::istreambuf_iterator<char>(file), {});
    close_shape(inputs[index]);
  }
  for (const Tensor& output : model.run(inputs)) print(output);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "embed LIBONNXRUNTIME LIBJPEGCOMPILE_ORT MODEL.onnx [TENSOR...]\n");
    return 2;
  }
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "embed: %s\n", error.what());
    return 1;
  }
}
