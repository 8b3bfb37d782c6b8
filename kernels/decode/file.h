// The bytes of a file as the input of an operator, and the errors for files that cannot be read.
#pragma once

#include <span>
#include <string>

#include "jpeg/coefficients.h"
#include "ort/kernel.h"

namespace jpegcompile {

// Returns the error with advice that does not mention Python.
inline std::string refusal(const ReadError& error) {
  const std::string cause = error.cause();
  if (error.kind() == FailureKind::memory) return cause + "; free some";
  const bool has_advice = cause.find(';') != std::string::npos;
  return has_advice ? cause : cause + "; give the bytes of a whole JPEG file";
}

inline std::span<const unsigned char> bytes_of(const Tensor& jpeg) {
  if (jpeg.shape.rank() != 1) {
    throw KernelError("jpeg has shape " + jpeg.shape.text() +
                      "; give the bytes of one file, [bytes]");
  }
  return {jpeg.as<unsigned char>(), static_cast<size_t>(jpeg.shape.elements())};
}

}  // namespace jpegcompile
