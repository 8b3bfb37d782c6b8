#include "ort/definition.h"

#include <algorithm>

namespace jpegcompile {

int Definition::place(Out output) const {
  const auto found = std::ranges::find(outputs, output, &Output::name);
  return found == outputs.end() ? -1 : static_cast<int>(found - outputs.begin());
}

const Definition::Attribute* Definition::attribute(std::string_view asked) const {
  const auto found = std::ranges::find(attributes, asked, &Attribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

}  // namespace jpegcompile
