#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "cuda_checks.h"

namespace jpegcompile::cuda_checks {
namespace {

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

void add_input(std::istream& line, Case& made) {
  std::string word;
  const auto place = line.tellg();
  line >> word;
  if (word == "constant") {
    made.constants.insert(made.inputs.size());
  } else {
    line.clear();
    line.seekg(place);
  }
  made.inputs.push_back(input(made.inputs.size(), numbers_of(line)));
}

}  // namespace

Case read_case(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  Case made;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    std::string kind, name;
    line >> kind;
    if (kind == "input") {
      add_input(line, made);
    } else if (kind == "band") {
      const auto given = numbers_of(line);
      made.inputs.push_back(band(given.at(0), given.at(1), given.at(2), given.at(3)));
    } else if (line >> name; kind == "op") {
      made.op = name;
    } else if (kind == "int") {
      made.attributes[name] = numbers_of(line).at(0);
    } else if (kind == "ints") {
      made.attributes[name] = numbers_of(line);
    } else {
      throw std::runtime_error(path + ": '" + text + "' means nothing");
    }
  }
  return made;
}

void print_launches(const Case& one, const ort::CustomOp& op) {
  driver().forget();
  stand_in::Pool pool(1);
  const stand_in::Kernel kernel(op, node_of(one));
  static_cast<void>(kernel.run(inputs_of(one), pool));
  for (const auto& [name, address, bytes] : stand_in::device_memory()) {
    std::printf("%s 0x%llx %zu\n", name.c_str(), static_cast<unsigned long long>(address), bytes);
  }
  std::fputs(driver().log(), stdout);
}

}  // namespace jpegcompile::cuda_checks
