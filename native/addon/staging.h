#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "../hip/runtime.h"

namespace addon {

/// Pinned host memory through which uploads and reads pass, in blocks of powers of two that are used again.
/// What a burst of transfers took beyond `kept` is freed after it.
class Staging : public std::enable_shared_from_this<Staging> {
 public:
  static constexpr size_t kept = 64 << 20;

  /// `later` runs what may wait for the device, on another thread.
  Staging(const hip::Functions& hip, std::function<void(std::function<void()>)> later)
      : hip_(hip), later_(std::move(later)) {}

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
  void freeSurplus();

  const hip::Functions& hip_;
  const std::function<void(std::function<void()>)> later_;
  mutable std::mutex mutex_;
  std::map<size_t, std::vector<uint8_t*>> free_;
  std::vector<uint8_t*> surplus_;  ///< to be freed
  size_t freeBytes_ = 0;           ///< of `held_` those that nobody uses
  size_t held_ = 0;
  bool closed_ = false;
  bool gone_ = false;
};

}  // namespace addon
