// The definition of an operator (jpegcompile/operators/), as far as kernels need it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "generated/names.h"
#include "tiles/tensor.h"

namespace jpegcompile {

class CudaKernel;
class Kernel;
class Node;

struct Definition {
  struct Input {
    In name;
    ElementType type;
    bool is_optional;
    bool is_on_host;  // also for device kernels: weights and shapes
  };
  struct Output {
    Out name;
    ElementType type;
  };
  enum class Type : uint8_t { kInt, kInts, kFloat, kString };
  struct Attribute {
    std::string_view name;
    Type type;
    bool has_default;  // whether a node may omit it; the value of its type applies
    int64_t integer;
    float real;
    const char* text;
  };

  // Return -1 if the operator has no such input or output.
  int place(In input) const { return places[static_cast<size_t>(input)]; }
  int place(Out output) const;
  // Return the position. Throw KernelError if the operator has no such operand: the kernel belongs
  // to another operator.
  size_t index(In input) const { return checked(place(input), name_of(input)); }
  size_t index(Out output) const { return checked(place(output), name_of(output)); }
  bool has(In input) const { return place(input) >= 0; }
  bool has(Out output) const { return place(output) >= 0; }
  // Null if the operator has no such attribute.
  const Attribute* attribute(std::string_view name) const;

  const char* name;
  std::span<const Input> inputs;
  std::span<const Output> outputs;
  std::span<const Attribute> attributes;
  Base base;              // the convolution that it is or contains,
  Activation activation;  // and the activation after it
  Masking masking;
  bool truncates;         // whether the result keeps only the frequencies of the input `band`
  const char* exact;      // the operator that this one approximates
  const char* ingest;     // the ingest that it begins with, or ""
  std::unique_ptr<Kernel> (*make)(const Node& node);
  std::unique_ptr<CudaKernel> (*make_on_cuda)(const Node& node);  // or null
  // Position of each input, so that calls need no search.
  std::array<int8_t, kInputCount> places = places_of(inputs);

  static size_t checked(int place, const char* operand);
  static constexpr std::array<int8_t, kInputCount> places_of(std::span<const Input> inputs) {
    std::array<int8_t, kInputCount> places{};
    places.fill(-1);
    int8_t next = 0;
    for (const Input& input : inputs) places[static_cast<size_t>(input.name)] = next++;
    return places;
  }
};

// All operators of the library.
std::span<const Definition> definitions();

}  // namespace jpegcompile
