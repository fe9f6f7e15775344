#include "staging.h"

#include "../hip/constants.h"

namespace addon {
namespace {

constexpr size_t smallestBlock = 4096;

}  // namespace

hipError_t Staging::take(size_t bytes, std::shared_ptr<uint8_t>* taken) {
  size_t size = smallestBlock;
  while (size < bytes) size *= 2;
  uint8_t* block = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<uint8_t*>& blocks = free_[size];
    if (!blocks.empty()) {
      block = blocks.back();
      blocks.pop_back();
      freeBytes_ -= size;
    }
  }
  if (block == nullptr) {
    void* memory = nullptr;
    const hipError_t state = hip_.hipHostMalloc(&memory, size, 0);
    if (state != hip::success) return state;
    block = static_cast<uint8_t*>(memory);
    std::lock_guard<std::mutex> lock(mutex_);
    held_ += size;
  }
  *taken = {block, [self = shared_from_this(), size](uint8_t* block) { self->giveBack(block, size); }};
  return hip::success;
}

void Staging::giveBack(uint8_t* block, size_t bytes) {
  bool closed = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!closed_ && freeBytes_ + bytes <= kept) {
      free_[bytes].push_back(block);
      freeBytes_ += bytes;
      return;
    }
    held_ -= bytes;
    if (gone_) return;
    surplus_.push_back(block);
    closed = closed_;
  }
  if (closed) {
    freeSurplus();
  } else {
    later_([self = shared_from_this()] { self->freeSurplus(); });
  }
}

void Staging::freeSurplus() {
  std::vector<uint8_t*> blocks;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    blocks.swap(surplus_);
  }
  for (uint8_t* block : blocks) hip_.hipHostFree(block);
}

void Staging::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    for (const auto& [size, list] : free_) {
      held_ -= size * list.size();
      surplus_.insert(surplus_.end(), list.begin(), list.end());
    }
    free_.clear();
  }
  freeSurplus();
}

void Staging::forget() {
  std::lock_guard<std::mutex> lock(mutex_);
  closed_ = gone_ = true;
  free_.clear();
  surplus_.clear();
}

size_t Staging::held() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return held_;
}

}  // namespace addon
