// What a node says of the network that its files are for.
#pragma once

#include "ort/kernel.h"
#include "preprocess/preprocessor.h"

namespace jpegcompile {

// Throws KernelError for attributes and constants that say nothing, or do not fit together.
NetworkNumbers network_of(const Node& node);
// How its files are decoded, one by one. Throws KernelError likewise.
PreprocessOptions options_of(const Node& node);

}  // namespace jpegcompile
