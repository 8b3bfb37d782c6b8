// Converts exceptions to statuses of ONNX Runtime: nothing is thrown across the C interface.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "ort/abi.h"

namespace jpegcompile::ort {

inline Status* out_of_memory(const Api& api) {
  return create_status(api, kFail, "jpegcompile: out of memory");
}

// Building the message may run out of memory, too.
inline Status* failure(const Api& api, const std::string& subject, const char* cause) noexcept {
  try {
    const std::string message = subject + ": " + cause;
    return create_status(api, kFail, message.c_str());
  } catch (...) {
    return out_of_memory(api);
  }
}

template <typename Action>
Status* guarded(const Api& api, const std::string& subject, const Action& action) noexcept {
  try {
    action();
    return nullptr;
  } catch (const std::bad_alloc&) {
    return out_of_memory(api);
  } catch (const std::exception& error) {
    return failure(api, subject, error.what());
  } catch (...) {
    return failure(api, subject, "unknown error");
  }
}

}  // namespace jpegcompile::ort
