#pragma once

#include <type_traits>

#include "execute/arithmetic.h"
#include "isa/atomic.h"

namespace emulator {
namespace EMULATOR_LEVEL {

/// The new value. T is uint32_t or uint64_t.
template <class T>
inline T combine(Atomic kind, T old, T data, T second) {
  using Signed = std::make_signed_t<T>;
  using Float = std::conditional_t<sizeof(T) == 4, float, double>;
  const auto signedOld = static_cast<Signed>(old), signedData = static_cast<Signed>(data);
  const Float floatOld = bitCast<Float>(old), floatData = bitCast<Float>(data);
  switch (kind) {
    case Atomic::swap:
      return data;
    case Atomic::compareSwap:
      return old == second ? data : old;
    case Atomic::add:
      return old + data;
    case Atomic::subtract:
      return old - data;
    case Atomic::reverseSubtract:
      return data - old;
    case Atomic::signedMin:
      return signedOld < signedData ? old : data;
    case Atomic::unsignedMin:
      return old < data ? old : data;
    case Atomic::signedMax:
      return signedOld > signedData ? old : data;
    case Atomic::unsignedMax:
      return old > data ? old : data;
    case Atomic::bitAnd:
      return old & data;
    case Atomic::bitOr:
      return old | data;
    case Atomic::bitXor:
      return old ^ data;
    case Atomic::increment:
      return old >= data ? 0 : old + 1;
    case Atomic::decrement:
      return old == 0 || old > data ? data : old - 1;
    case Atomic::floatAdd:
      return bitCast<T>(nanOr(floatOld, static_cast<Float>(floatOld + floatData)));
    case Atomic::floatMin:  // a number wins over a NaN
      return floatOld != floatOld ? data : floatData < floatOld ? data : old;
    case Atomic::floatMax:
      return floatOld != floatOld ? data : floatData > floatOld ? data : old;
    case Atomic::floatCompareSwap:
      return floatOld == bitCast<Float>(second) ? data : old;
    case Atomic::packedAddF16:
      return floatToHalf(addF32(halfToFloat(old & 0xffff), halfToFloat(data & 0xffff))) |
             floatToHalf(addF32(halfToFloat(old >> 16 & 0xffff), halfToFloat(data >> 16 & 0xffff))) << 16;
    case Atomic::packedAddBf16:
      return floatToBf16(addF32(bf16ToFloat(old & 0xffff), bf16ToFloat(data & 0xffff))) |
             floatToBf16(addF32(bf16ToFloat(old >> 16 & 0xffff), bf16ToFloat(data >> 16 & 0xffff))) << 16;
    case Atomic::maskedOr:
      return (old & ~data) | second;
    case Atomic::wrap:
      return old >= data ? old - data : old + second;
  }
  return old;
}

/// Read-modify-write of memory that other host threads may access at the same time; returns the old value.
/// `address` is aligned to sizeof(T).
template <class T>
inline T sharedUpdate(Atomic kind, uint8_t* address, T data, T second) {
  T* memory = reinterpret_cast<T*>(address);
  T old = __atomic_load_n(memory, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(memory, &old, combine(kind, old, data, second), true, __ATOMIC_SEQ_CST,
                                      __ATOMIC_RELAXED)) {
  }
  return old;
}

/// The same for memory that only this host thread touches: LDS and private memory.
template <class T>
inline T privateUpdate(Atomic kind, uint8_t* address, T data, T second) {
  T old;
  std::memcpy(&old, address, sizeof old);
  const T value = combine(kind, old, data, second);
  std::memcpy(address, &value, sizeof value);
  return old;
}

}  // namespace EMULATOR_LEVEL
}  // namespace emulator
