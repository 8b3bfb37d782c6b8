#include "ort/definition.h"

#include <algorithm>
#include <string>

namespace jpegcompile {

size_t Definition::checked(int place, const char* operand) {
  if (place < 0) throw KernelError(std::string("the operator has no operand '") + operand + "'");
  return static_cast<size_t>(place);
}

int Definition::place(Out output) const {
  const auto found = std::ranges::find(outputs, output, &Output::name);
  return found == outputs.end() ? -1 : static_cast<int>(found - outputs.begin());
}

const Definition::Attribute* Definition::attribute(std::string_view asked) const {
  const auto found = std::ranges::find(attributes, asked, &Attribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

}  // namespace jpegcompile
