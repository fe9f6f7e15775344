#include "fence.h"

#include <utility>

#include "../hip/constants.h"

namespace addon {

void Fence::add(Event event, std::shared_ptr<Stream> stream) {
  const uint64_t enqueued = stream->enqueued;
  marks_.push_back({std::move(event), std::move(stream), enqueued});
}

void Fence::add(Event event) { marks_.push_back({std::move(event), nullptr, 0}); }

void Fence::add(std::shared_ptr<Fence> earlier) { earlier_.push_back(std::move(earlier)); }

void Fence::addForeign(std::shared_ptr<Fence> other) { foreign_.push_back(std::move(other)); }

hipError_t Fence::poll(hipError_t (*query)(hipEvent_t)) {
  if (ended()) return error_;
  while (!foreign_.empty()) {
    if (foreign_.back()->poll(query) == hip::errorNotReady) return hip::errorNotReady;
    foreign_.pop_back();
  }
  while (!earlier_.empty() && error_ == hip::success) {
    const hipError_t state = earlier_.back()->poll(query);
    if (state == hip::errorNotReady) return state;
    error_ = state;
    earlier_.pop_back();
  }
  while (!marks_.empty() && error_ == hip::success) {
    Mark& mark = marks_.back();
    const hipError_t state = query(mark.event.get());
    if (state == hip::errorNotReady) return state;
    error_ = state;
    if (state == hip::success && mark.stream != nullptr && mark.stream->ended < mark.enqueued) {
      mark.stream->ended = mark.enqueued;
    }
    marks_.pop_back();
  }
  earlier_.clear();
  marks_.clear();
  ended_.store(true, std::memory_order_release);
  return error_;
}

}  // namespace addon
