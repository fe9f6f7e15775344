#pragma once

#include <memory>
#include <vector>

#include "module_object.h"

namespace addon {

struct KernelCore {
  std::shared_ptr<Module> module;
  hipFunction_t function;
  /// As long as the kernel's argument segment; HIP reads that much, whatever a launch gives.
  std::vector<uint8_t> kernargs;
};

/// A function of a module.
class KernelObject : public Object<KernelObject, KernelCore> {
 public:
  static constexpr napi_type_tag tag = {0x7a54e1d08b3c4f29, 0xa6e8907b13cd5f14};
  static constexpr const char* className = "Kernel";

  static Napi::Function define(Napi::Env env);
  explicit KernelObject(const Napi::CallbackInfo& info);
  ~KernelObject();

 private:
  Napi::Value number(const Napi::CallbackInfo& info);
  Napi::Value maxActiveBlocks(const Napi::CallbackInfo& info);

  const std::shared_ptr<KernelTable> table_;
  uint32_t number_;
};

}  // namespace addon
