// What a random program (random-program.ts) begins with: its types, operations whose result is defined for
// all operands, and how its bodies become kernels of an AMD GPU or, without a library, a program for x86-64
// that reads the input of all work-items from standard input and writes the output of each body.

using i8 = signed char;
using u8 = unsigned char;
using i16 = short;
using u16 = unsigned short;
using i32 = int;
using u32 = unsigned;
using i64 = long;
using u64 = unsigned long;
using i128 = __int128;
using u128 = unsigned __int128;
using f16 = _Float16;
using f32 = float;
using f64 = double;
using i16x2 = i16 __attribute__((ext_vector_type(2)));
using u16x2 = u16 __attribute__((ext_vector_type(2)));
using u8x4 = u8 __attribute__((ext_vector_type(4)));
using f16x2 = f16 __attribute__((ext_vector_type(2)));
using f32x2 = f32 __attribute__((ext_vector_type(2)));

/// The bits of a value. Which NaN an operation gives is not defined: all are one.
template <typename T>
u64 bits(T value) {
  if constexpr (sizeof(T) == 8) return __builtin_bit_cast(u64, value);
  if constexpr (sizeof(T) == 4) return __builtin_bit_cast(u32, value);
  if constexpr (sizeof(T) == 2) return __builtin_bit_cast(u16, value);
  if constexpr (sizeof(T) == 1) return __builtin_bit_cast(u8, value);
}
inline u64 bits(f16 value) { return value == value ? __builtin_bit_cast(u16, value) : 0x7e00; }
inline u64 bits(f32 value) { return value == value ? __builtin_bit_cast(u32, value) : 0x7fc00000; }
inline u64 bits(f64 value) { return value == value ? __builtin_bit_cast(u64, value) : 0x7ff8000000000000; }
inline u64 bits(f16x2 value) { return bits(value[0]) | bits(value[1]) << 16; }
inline u64 bits(f32x2 value) { return bits(value[0]) | bits(value[1]) << 32; }

/// A value, or 1 instead of NaN.
template <typename T>
T number(T value) {
  return value == value ? value : T(1);
}
inline f16x2 number(f16x2 value) { return f16x2{number(value[0]), number(value[1])}; }
inline f32x2 number(f32x2 value) { return f32x2{number(value[0]), number(value[1])}; }

/// A value, or 0 instead of -0.
template <typename T>
T unsignedZero(T value) {
  return value == 0 ? T(0) : value;
}
inline f16x2 unsignedZero(f16x2 value) { return f16x2{unsignedZero(value[0]), unsignedZero(value[1])}; }
inline f32x2 unsignedZero(f32x2 value) { return f32x2{unsignedZero(value[0]), unsignedZero(value[1])}; }

template <typename T>
T load(const u32* address) {
  T value;
  __builtin_memcpy(&value, address, sizeof(T));
  return value;
}

template <typename T>
T quotient(T a, T b) {
  return b == 0 ? a : b == T(-1) ? T(-b * a) : T(a / b);
}

template <typename T>
T remainder(T a, T b) {
  return b == 0 || b == T(-1) ? T(~a) : T(a % b);
}

/// Towards zero, saturating; 0 for NaN.
template <typename To, typename From>
To convert(From value) {
  constexpr bool isSigned = To(-1) < To(0);
  constexpr f64 end = f64(u64(1) << (8 * sizeof(To) - 1)) * (isSigned ? 1 : 2);
  if (value != value) return 0;
  if (value >= end) return To(~u64(0) >> (64 - 8 * sizeof(To) + isSigned));
  if (value <= (isSigned ? -end : 0)) return isSigned ? To(u64(1) << (8 * sizeof(To) - 1)) : To(0);
  return To(value);
}

template <typename T>
T fused(T a, T b, T c) {
  return __builtin_elementwise_fma(a, b, c);
}

#ifdef __AMDGCN__

#define PROGRAM(...)
#define KERNEL(k)                                                                                  \
  extern "C" __attribute__((amdgpu_kernel, amdgpu_flat_work_group_size(1, 128))) void kernel##k(   \
      const u32* input, u64* output, u32 items) {                                                  \
    const u32 item = __builtin_amdgcn_workgroup_id_x() * GROUP + __builtin_amdgcn_workitem_id_x(); \
    if (item < items) body##k(input, input + INPUTS * item, output + OUTPUTS * item);              \
  }

#else

// What the compiler calls.

extern "C" void* memset(void* to, int value, u64 size) {
  for (u64 i = 0; i < size; i++) ((u8*)to)[i] = u8(value);
  return to;
}

extern "C" void* memcpy(void* to, const void* from, u64 size) {
  for (u64 i = 0; i < size; i++) ((u8*)to)[i] = ((const u8*)from)[i];
  return to;
}

/// Rounds by way of f32, and to odd there.
extern "C" f16 __truncdfhf2(f64 value) {
  f32 odd = f32(value);
  if (odd != value && value == value) {
    const bool isLarger = (odd > 0 ? odd : -odd) > (value > 0 ? value : -value);
    odd = __builtin_bit_cast(f32, (__builtin_bit_cast(u32, odd) - isLarger) | 1);
  }
  return f16(odd);
}

/// The compiler would round to f32 first. f64 has all digits of the sum, or those that it lacks belong to a
/// term that is far too small to matter.
inline f16 fused(f16 a, f16 b, f16 c) { return f16(f64(a) * b + c); }
inline f16x2 fused(f16x2 a, f16x2 b, f16x2 c) {
  return f16x2{fused(a[0], b[0], c[0]), fused(a[1], b[1], c[1])};
}

using Body = void(const u32* shared, const u32* input, u64* output);
#define KERNEL(k)
#define PROGRAM(...) Body* const bodies[] = {__VA_ARGS__, nullptr};
extern Body* const bodies[];

/// Reads standard input (0) or writes standard output (1): the numbers of the calls and of the files.
inline void transfer(long number, void* data, u64 size) {
  for (u64 done = 0; done < size;) {
    long result;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(number), "S"((char*)data + done), "d"(size - done)
                 : "rcx", "r11", "memory");
    if (result <= 0) __builtin_trap();
    done += result;
  }
}

u32 input[INPUTS * ITEMS];
u64 output[OUTPUTS * ITEMS];

extern "C" __attribute__((force_align_arg_pointer)) void _start() {
  transfer(0, input, sizeof(input));
  for (Body* const* body = bodies; *body; body++) {
    for (u64& word : output) word = 0;
    for (u32 item = 0; item < ITEMS; item++) (*body)(input, input + INPUTS * item, output + OUTPUTS * item);
    transfer(1, output, sizeof(output));
  }
  asm volatile("syscall" : : "a"(60), "D"(0));
}

#endif
