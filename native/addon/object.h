#pragma once

#include <napi.h>

#include <utility>

#include "environment.h"

namespace addon {

/// The base of the addon's classes: JavaScript cannot construct them, and an argument of another class is
/// told apart by its type tag. `Self` has `static const napi_type_tag tag`, `static const char* const
/// className` and the type `Core` of what it is made from.
template <typename Self, typename CoreType>
class Object : public Napi::ObjectWrap<Self> {
 public:
  using Core = CoreType;

  explicit Object(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<Self>(info), environment_(Environment::of(info.Env())) {
    if (info.Length() != 1 || !info[0].IsExternal()) {
      throw Napi::TypeError::New(info.Env(), std::string(Self::className) + " cannot be constructed");
    }
    core_ = std::move(*info[0].As<Napi::External<Core>>().Data());
    info.This().As<Napi::Object>().TypeTag(&Self::tag);
  }

  static Napi::Value make(Napi::Env env, const Napi::FunctionReference& constructor, Core core) {
    return constructor.New({Napi::External<Core>::New(env, &core)});
  }

  /// The object behind an argument; a TypeError where it is of another class.
  static Self& from(const Napi::Value& value) {
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&Self::tag)) {
      throw Napi::TypeError::New(value.Env(), std::string("expected a native ") + Self::className);
    }
    return *Self::Unwrap(value.As<Napi::Object>());
  }

  Core& core() { return core_; }

 protected:
  Environment& environment_;
  Core core_;
};

/// Reads a device address; a TypeError where the value is none.
inline uint64_t address(const Napi::Value& value) {
  bool lossless = false;
  const uint64_t result = value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
  if (!lossless) throw Napi::TypeError::New(value.Env(), "expected a 64-bit address");
  return result;
}

/// Reads an integer from 0 to `limit`; a TypeError where the value is none.
inline uint64_t integer(const Napi::Value& value, double limit) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= limit)) throw Napi::TypeError::New(value.Env(), "expected an integer");
  return static_cast<uint64_t>(number);
}

constexpr double maxUnsigned = 4294967295.0;
constexpr double maxBytes = 9007199254740991.0;

}  // namespace addon
