#pragma once

#include <exception>
#include <string>
#include <utility>

namespace addon {

/// What becomes a RocmAttentionError in JavaScript.
struct Failure : std::exception {
  Failure(const char* code, std::string message, std::string hipError = "", std::string call = "")
      : code(code), message(std::move(message)), hipError(std::move(hipError)), call(std::move(call)) {}

  const char* what() const noexcept override { return message.c_str(); }

  const char* code;
  std::string message;
  std::string hipError;  ///< HIP's name of the error, or empty
  std::string call;      ///< the HIP function that failed, or empty
};

}  // namespace addon
