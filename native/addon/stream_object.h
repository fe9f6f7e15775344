#pragma once

#include <memory>

#include "object.h"

namespace addon {

struct StreamCore {
  std::shared_ptr<Device> device;
  std::shared_ptr<Stream> stream;
};

/// A queue of a device and everything that can be enqueued on it.
class StreamObject : public Object<StreamObject, StreamCore> {
 public:
  static constexpr napi_type_tag tag = {0x48d1a96fc07b4e3a, 0xb20f7e81d35c964b};
  static constexpr const char* className = "Stream";

  static Napi::Function define(Napi::Env env);
  using Object::Object;
  ~StreamObject();

  /// Makes the device current, counts one enqueued call and gives the queue. Throws where the stream is
  /// disposed of, its device closed or lost, or where it is not a stream of `device`.
  hipStream_t enter(const Device& device);
  hipStream_t enter() { return enter(*core_.device); }

 private:
  Napi::Value handle(const Napi::CallbackInfo& info);
  Napi::Value capture(const Napi::CallbackInfo& info);
  void launch(const Napi::CallbackInfo& info);
  void fill(const Napi::CallbackInfo& info);
  void copy(const Napi::CallbackInfo& info);
  void peerCopy(const Napi::CallbackInfo& info);
  void write(const Napi::CallbackInfo& info);
  Napi::Value writeThrough(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);
  Napi::Value record(const Napi::CallbackInfo& info);
  void wait(const Napi::CallbackInfo& info);
  Napi::Value synchronize(const Napi::CallbackInfo& info);
  void beginCapture(const Napi::CallbackInfo& info);
  Napi::Value endCapture(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  /// One launch of a list; its explicit kernel arguments follow, filled up to a multiple of 8 bytes.
  struct Launch {
    uint32_t kernel;  ///< its number
    uint32_t grid[3];
    uint32_t block[3];
    uint32_t ldsBytes;
    uint32_t kernargBytes;
    uint32_t unused;
  };
  void enqueue(hipStream_t stream, const Launch& launch, const uint8_t* kernargs);
  void upload(const Napi::Value& to, const Napi::Value& bytes,
              std::function<void(napi_env, const Failure*)> settle);
  void refuseCapture(const char* what) const;
  /// Lets `settle` happen when what is enqueued on this stream now has ended.
  void whenEnded(std::function<void(napi_env, const Failure*)> settle);
};

}  // namespace addon
