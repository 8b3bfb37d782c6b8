// What nodes say of JpegGelu.
#pragma once

#include <string>

#include "ort/kernel.h"

namespace jpegcompile {

// Whether a node means the form by tanh. Throws KernelError for a form that there is not.
inline bool is_by_tanh(const Node& node) {
  const std::string approximate = node.text("approximate");
  if (approximate != "none" && approximate != "tanh") {
    throw KernelError("its approximate is '" + approximate + "', it has to be 'none' or 'tanh'");
  }
  return approximate == "tanh";
}

}  // namespace jpegcompile
