// Nodes and tensors that no compiler creates.
#include <algorithm>
#include <array>
#include <memory>
#include <new>

#include "check.h"

namespace jpegcompile {
namespace {

constexpr std::array<int64_t, 13> kExtents = {
    0, 1, 2, 3, 7, 8, 16, 17, 64, int64_t{1} << 31, int64_t{1} << 40, int64_t{1} << 61, INT64_MAX};
constexpr std::array<int64_t, 14> kNumbers = {-1,
                                              0,
                                              1,
                                              2,
                                              3,
                                              5,
                                              8,
                                              16,
                                              64,
                                              int64_t{1} << 15,
                                              int64_t{1} << 30,
                                              int64_t{1} << 40,
                                              INT64_MAX,
                                              INT64_MIN};

template <size_t kCount>
int64_t draw(Random& random, const std::array<int64_t, kCount>& from) {
  return from[static_cast<size_t>(random.below(kCount))];
}

// Returns another shape for an input; nothing if it has too many elements.
bool change_shape(Random& random, Value& value) {
  std::vector<int64_t> shape = value.shape;
  const int64_t way = random.below(6);
  if (way == 0) {
    shape.push_back(draw(random, kExtents));
  } else if (way == 1 && !shape.empty()) {
    shape.pop_back();
  } else if (way == 2) {
    shape.assign(static_cast<size_t>(random.below(10)), draw(random, kExtents));
  } else if (!shape.empty()) {
    // Changes several extents at once: one may be 0, so that the tensor is empty whatever the
    // others are.
    for (int turn = 0; turn < (way == 3 ? 1 : 3); ++turn) {
      shape[static_cast<size_t>(random.below(static_cast<int64_t>(shape.size())))] =
          draw(random, kExtents);
    }
  }
  try {
    Value made(value.type, shape);
    if (made.elements > size_t{1} << 18) return false;
    for (size_t index = 0; index < made.bytes(); ++index) made.as<char>()[index] = 0;
    value = std::move(made);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

// Changes bytes of a file, or removes some.
void change_bytes(Random& random, Value& value) {
  const auto all = static_cast<int64_t>(value.elements);
  Value made(value.type, {random.below(2) == 0 ? 1 + random.below(all) : all});
  std::copy_n(value.as<uint8_t>(), made.elements, made.as<uint8_t>());
  for (int64_t changes = random.below(4); changes > 0; --changes) {
    made.as<uint8_t>()[random.below(made.shape[0])] = static_cast<uint8_t>(random.below(256));
  }
  value = std::move(made);
}

void change_attribute(Random& random, stand_in::Attributes& attributes) {
  auto chosen = attributes.begin();
  std::advance(chosen, random.below(static_cast<int64_t>(attributes.size())));
  stand_in::Attribute& attribute = chosen->second;
  if (random.below(8) == 0) {
    attributes.erase(chosen);
  } else if (random.below(8) == 0) {
    attribute = std::string("what");
  } else if (auto* values = std::get_if<std::vector<int64_t>>(&attribute)) {
    if (random.below(6) == 0) values->resize(static_cast<size_t>(random.below(9)), 1);
    if (values->empty()) return;
    values->at(static_cast<size_t>(random.below(static_cast<int64_t>(values->size())))) =
        draw(random, kNumbers);
  } else if (auto* number = std::get_if<int64_t>(&attribute)) {
    *number = draw(random, kNumbers);
  }
}

}  // namespace

int64_t check_hostile(const Case& one, const ort::CustomOp& op, uint64_t seed, int64_t rounds) {
  Random random(seed);
  stand_in::Pool pool(1);
  int64_t refused = 0;
  for (int64_t round = 0; round < rounds; ++round) {
    Case changed = one;
    for (int64_t changes = 1 + random.below(3); changes > 0; --changes) {
      const int64_t input = random.below(static_cast<int64_t>(changed.inputs.size()) + 1);
      // Changes the map and the weights more often than the placeholders for transforms.
      const auto place = static_cast<size_t>(input > 2 && random.below(2) == 0 ? input % 2 : input);
      const bool is_file = changed.inputs[0].type == stand_in::ElementType::kUint8;
      if (is_file && changed.inputs[0].elements > 0 && random.below(2) == 0) {
        change_bytes(random, changed.inputs[0]);
      } else if (place < changed.inputs.size() && random.below(3) > 0) {
        change_shape(random, changed.inputs[place]);
      } else if (!changed.attributes.empty()) {
        change_attribute(random, changed.attributes);
      }
      if (random.below(4) == 0) changed.constants.clear();
    }
    try {
      const stand_in::Kernel kernel(op, node_of(changed));
      static_cast<void>(kernel.run(inputs_of(changed), pool));
    } catch (const stand_in::Refused&) {
      ++refused;
    }
  }
  return refused;
}

}  // namespace jpegcompile
