#include "code_object/message_pack.h"

namespace emulator {
namespace {

/// Metadata nests five deep; damaged bytes may claim any depth.
constexpr int kDeepest = 16;

class Reader {
 public:
  Reader(const uint8_t* bytes, size_t size) : next_(bytes), end_(bytes + size) {}

  bool read(MessagePackValue* out, int depth) {
    uint64_t tag;
    if (depth > kDeepest || !readBigEndian(1, &tag)) return false;
    if (tag <= 0x7f) return setInteger(out, static_cast<int64_t>(tag));
    if (tag >= 0xe0) return setInteger(out, static_cast<int8_t>(tag));
    if (tag <= 0x8f) return readMap(out, tag & 15, depth);
    if (tag <= 0x9f) return readArray(out, tag & 15, depth);
    if (tag <= 0xbf) return readString(out, tag & 31);
    switch (tag) {
      case 0xc0:
        out->kind = MessagePackValue::Kind::nil;
        return true;
      case 0xc2:
      case 0xc3:
        out->kind = MessagePackValue::Kind::boolean;
        out->integer = tag == 0xc3;
        return true;
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return readInteger(out, 1 << (tag - 0xcc), false);
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return readInteger(out, 1 << (tag - 0xd0), true);
    }
    uint64_t count;
    switch (tag) {
      case 0xd9:
        return readBigEndian(1, &count) && readString(out, count);
      case 0xda:
        return readBigEndian(2, &count) && readString(out, count);
      case 0xdb:
        return readBigEndian(4, &count) && readString(out, count);
      case 0xdc:
        return readBigEndian(2, &count) && readArray(out, count, depth);
      case 0xdd:
        return readBigEndian(4, &count) && readArray(out, count, depth);
      case 0xde:
        return readBigEndian(2, &count) && readMap(out, count, depth);
      case 0xdf:
        return readBigEndian(4, &count) && readMap(out, count, depth);
    }
    return false;
  }

 private:
  bool readBigEndian(int bytes, uint64_t* out) {
    if (end_ - next_ < bytes) return false;
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | *next_++;
    *out = value;
    return true;
  }

  bool setInteger(MessagePackValue* out, int64_t value) {
    out->kind = MessagePackValue::Kind::integer;
    out->integer = value;
    return true;
  }

  bool readInteger(MessagePackValue* out, int bytes, bool isSigned) {
    uint64_t value;
    if (!readBigEndian(bytes, &value)) return false;
    const int unused = 64 - 8 * bytes;
    return setInteger(
        out, isSigned ? static_cast<int64_t>(value << unused) >> unused : static_cast<int64_t>(value));
  }

  bool readString(MessagePackValue* out, uint64_t length) {
    if (static_cast<uint64_t>(end_ - next_) < length) return false;
    out->kind = MessagePackValue::Kind::string;
    out->string.assign(reinterpret_cast<const char*>(next_), length);
    next_ += length;
    return true;
  }

  /// Every element takes a byte at least: a count beyond what is left is damage.
  bool plausible(uint64_t count) const { return count <= static_cast<uint64_t>(end_ - next_); }

  bool readArray(MessagePackValue* out, uint64_t count, int depth) {
    if (!plausible(count)) return false;
    out->kind = MessagePackValue::Kind::array;
    while (count--) {
      out->array.emplace_back();
      if (!read(&out->array.back(), depth + 1)) return false;
    }
    return true;
  }

  bool readMap(MessagePackValue* out, uint64_t count, int depth) {
    if (!plausible(2 * count)) return false;
    out->kind = MessagePackValue::Kind::map;
    while (count--) {
      out->map.emplace_back();
      auto& [key, value] = out->map.back();
      if (!read(&key, depth + 1) || !read(&value, depth + 1)) return false;
    }
    return true;
  }

  const uint8_t* next_;
  const uint8_t* end_;
};

}  // namespace

const MessagePackValue* MessagePackValue::get(const char* key) const {
  for (const auto& [name, value] : map) {
    if (name.kind == Kind::string && name.string == key) return &value;
  }
  return nullptr;
}

int64_t MessagePackValue::integerOf(const char* key, int64_t otherwise) const {
  const MessagePackValue* value = get(key);
  return value && value->kind == Kind::integer ? value->integer : otherwise;
}

const std::string& MessagePackValue::stringOf(const char* key) const {
  static const std::string none;
  const MessagePackValue* value = get(key);
  return value && value->kind == Kind::string ? value->string : none;
}

bool readMessagePack(const uint8_t* bytes, size_t size, MessagePackValue* out) {
  return Reader(bytes, size).read(out, 0);
}

}  // namespace emulator
