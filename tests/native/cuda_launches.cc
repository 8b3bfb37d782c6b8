// Prints what nodes make the driver of CUDA do, by the stand-ins for it and for ONNX Runtime:
//
//     JPEGCOMPILE_LIBCUDA=.../libcuda.so.1 JPEGCOMPILE_CUBINS=... cuda_launches [FILE...]
//
// First comes the library's status, then for each node its result's shape or what the library says
// against it, where tensors are, and the log of the driver. A file tells of one node, a line each:
//
//     op NAME
//     int NAME VALUE | ints NAME VALUE... | float NAME VALUE
//     text NAME LINE;LINE...
//     input [constant] EXTENT...
//     band EXTENT EXTENT BLOCK FREQUENCIES
//     index EXTENT...
//     data [constant] TYPE FILE EXTENT...
//     number VALUE
//
// Element i of input k is ((37 i + 11 k) mod 101 - 50) / 64. A file of data holds numbers as memory
// does.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "stand_in.h"

extern "C" const char* JpegcompileCudaStatus(const char*) noexcept;

namespace {

namespace stand_in = jpegcompile::stand_in;
using stand_in::Value;

struct Described {
  std::string op;
  stand_in::Node node{"a node", {}, {}};
  std::vector<Value> inputs;
  std::vector<bool> are_constant;

  void add(Value value, bool is_constant) {
    inputs.push_back(std::move(value));
    are_constant.push_back(is_constant);
  }
};

std::vector<int64_t> numbers_of(std::istream& line) {
  std::vector<int64_t> values;
  for (int64_t value = 0; line >> value;) values.push_back(value);
  return values;
}

Value input(size_t index, const std::vector<int64_t>& shape) {
  Value made(stand_in::ElementType::kFloat, shape);
  for (size_t i = 0; i < made.elements; ++i) {
    made.as<float>()[i] = (static_cast<float>((37 * i + 11 * index) % 101) - 50) / 64;
  }
  return made;
}

// 1 where u + v < frequencies in each tile, 0 elsewhere.
Value band(const std::vector<int64_t>& given) {
  const int64_t height = given.at(0), width = given.at(1), block = given.at(2);
  Value made(stand_in::ElementType::kFloat, {height, width});
  for (int64_t i = 0; i < height * width; ++i) {
    made.as<float>()[i] = i / width % block + i % width % block < given.at(3) ? 1.0F : 0.0F;
  }
  return made;
}

stand_in::ElementType type_of(const std::string& name) {
  using enum stand_in::ElementType;
  if (name == "float") return kFloat;
  if (name == "int16") return kInt16;
  if (name == "int64") return kInt64;
  if (name == "uint16") return kUint16;
  throw std::runtime_error("the type '" + name + "' is unknown");
}

Value data(std::istream& line) {
  std::string type, path;
  line >> type >> path;
  Value made(type_of(type), numbers_of(line));
  std::ifstream file(path, std::ios::binary);
  file.read(made.as<char>(), static_cast<std::streamsize>(made.bytes()));
  if (!file) throw std::runtime_error(path + ": cannot be read");
  return made;
}

void add_line(const std::string& text, Described& made) {
  std::istringstream line(text);
  std::string kind, name;
  line >> kind;
  if (kind == "band") return made.add(band(numbers_of(line)), false);
  if (kind == "index") {
    return made.add(Value(stand_in::ElementType::kInt64, numbers_of(line)), false);
  }
  if (kind == "number") {
    Value number(stand_in::ElementType::kFloat, {1});
    line >> *number.as<float>();
    return made.add(std::move(number), true);
  }
  if (kind == "input") {
    const bool is_constant = text.starts_with("input constant");
    if (is_constant) line >> name;
    return made.add(input(made.inputs.size(), numbers_of(line)), is_constant);
  }
  if (kind == "data") {
    const bool is_constant = text.starts_with("data constant");
    if (is_constant) line >> name;
    return made.add(data(line), is_constant);
  }
  line >> name;
  if (kind == "op") {
    made.op = name;
  } else if (kind == "int") {
    made.node.attributes[name] = numbers_of(line).at(0);
  } else if (kind == "ints") {
    made.node.attributes[name] = numbers_of(line);
  } else if (kind == "float") {
    float value = 0;
    line >> value;
    made.node.attributes[name] = value;
  } else if (kind == "text") {
    std::string value;
    std::getline(line >> std::ws, value);
    std::ranges::replace(value, ';', '\n');
    made.node.attributes[name] = value;
  } else {
    throw std::runtime_error("'" + text + "' means nothing");
  }
}

Described read(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  Described made;
  for (std::string text; std::getline(file, text);) add_line(text, made);
  return made;
}

const jpegcompile::ort::CustomOp& on_cuda(const std::string& name) {
  const auto base = stand_in::base_of(jpegcompile::ort::kApiVersion);
  for (const auto* op : stand_in::registered(base)) {
    if (stand_in::is_on_device(*op) && name == op->get_name(op)) return *op;
  }
  throw std::runtime_error(name + " has no kernel for CUDA");
}

// A function of the stand-in driver.
template <typename Function>
Function control(const char* name) {
  void* library = dlopen(std::getenv("JPEGCOMPILE_LIBCUDA"), RTLD_NOW);
  auto* found = library == nullptr ? nullptr : dlsym(library, name);
  if (found == nullptr) throw std::runtime_error("JPEGCOMPILE_LIBCUDA is no stand-in");
  return reinterpret_cast<Function>(found);
}

void print_launches(Described& described) {
  const auto& op = on_cuda(described.op);
  control<void (*)()>("stand_in_cuda_forget")();
  std::vector<const Value*> inputs;
  for (size_t index = 0; index < described.inputs.size(); ++index) {
    inputs.push_back(&described.inputs[index]);
    described.node.constants.push_back(described.are_constant[index] ? inputs.back() : nullptr);
  }
  stand_in::Pool pool(1);
  try {
    const stand_in::Kernel kernel(op, described.node);
    std::string shape;
    const auto outputs = kernel.run(inputs, pool);
    for (const int64_t extent : outputs.at(0).shape) shape += " " + std::to_string(extent);
    std::printf("made%s\n", shape.c_str());
  } catch (const stand_in::Refused& refused) {
    std::printf("refused %s\n", refused.what());
  }
  for (const auto& [name, address, bytes] : stand_in::device_memory()) {
    std::printf("%s 0x%llx %zu\n", name.c_str(), static_cast<unsigned long long>(address), bytes);
  }
  std::fputs(control<const char* (*)()>("stand_in_cuda_log")(), stdout);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::puts(JpegcompileCudaStatus(""));
    for (int index = 1; index < argc; ++index) {
      Described described = read(argv[index]);
      print_launches(described);
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
