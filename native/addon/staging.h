#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "../hip/runtime.h"

namespace addon {

/// Pinned host memory through which uploads and reads pass, in blocks of powers of two that are used again.
class Staging : public std::enable_shared_from_this<Staging> {
 public:
  explicit Staging(const hip::Functions& hip) : hip_(hip) {}

  /// At least `bytes`; goes back by itself when nobody holds it. What hipHostMalloc says where it fails. The
  /// caller has made the device current.
  hipError_t take(size_t bytes, std::shared_ptr<uint8_t>* taken);

  /// Frees the blocks that nobody holds; those that are held free themselves. Any thread.
  void close();

  /// Lets go of all blocks without freeing them, because the device has gone with them. Any thread.
  void forget();

  /// Bytes held of the host, in use or not.
  size_t held() const;

 private:
  void giveBack(uint8_t* block, size_t bytes);

  const hip::Functions& hip_;
  mutable std::mutex mutex_;
  std::map<size_t, std::vector<uint8_t*>> free_;
  size_t held_ = 0;
  bool closed_ = false;
  bool gone_ = false;
};

}  // namespace addon
