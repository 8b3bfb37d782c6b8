// The attribute of JpegGelu.
#pragma once

#include <string>

#include "ort/kernel.h"

namespace jpegcompile {

// Whether a node selects the tanh approximation. Throws KernelError for an unknown approximation.
inline bool is_by_tanh(const Node& node) {
  const std::string approximate = node.text("approximate");
  if (approximate != "none" && approximate != "tanh") {
    throw KernelError("attribute approximate is '" + approximate +
                      "'; it must be one of none, tanh");
  }
  return approximate == "tanh";
}

}  // namespace jpegcompile
