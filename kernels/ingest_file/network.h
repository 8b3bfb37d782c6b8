// The description of the network that a node's files are prepared for.
#pragma once

#include "ort/kernel.h"
#include "preprocess/preprocessor.h"

namespace jpegcompile {

// Throws KernelError for attributes and constants that are invalid or do not match.
NetworkNumbers network_of(const Node& node);
// Options for decoding one file at a time. Throws KernelError as network_of does.
PreprocessOptions options_of(const Node& node);

}  // namespace jpegcompile
