#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace emulator {

/// A value of the MessagePack format, as far as AMDGPU metadata uses it (no floats, no binaries).
struct MessagePackValue {
  enum class Kind : uint8_t { nil, boolean, integer, string, array, map };
  Kind kind = Kind::nil;
  int64_t integer = 0;
  std::string string;
  std::vector<MessagePackValue> array;
  std::vector<std::pair<MessagePackValue, MessagePackValue>> map;

  /// The value under a string key of a map, or null.
  const MessagePackValue* get(const char* key) const;
  /// The integer under `key`, or `otherwise`.
  int64_t integerOf(const char* key, int64_t otherwise) const;
  /// The string under `key`, or an empty one.
  const std::string& stringOf(const char* key) const;
};

/// Reads one value. False where the bytes are cut short, nested too deeply, or of a kind that metadata has
/// not.
bool readMessagePack(const uint8_t* bytes, size_t size, MessagePackValue* out);

}  // namespace emulator
