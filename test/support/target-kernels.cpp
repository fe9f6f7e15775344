// Kernels with instructions that the targets have in different forms. Freestanding: compiled as C++ for
// amdgcn-amd-amdhsa.

#define KERNEL extern "C" __attribute__((amdgpu_kernel))

template <typename T>
using Global = __attribute__((address_space(1))) T*;
#define SHARED __attribute__((address_space(3)))

using Float4 = float __attribute__((ext_vector_type(4)));
using Half2 = _Float16 __attribute__((ext_vector_type(2)));

static unsigned item() { return __builtin_amdgcn_workitem_id_x(); }

#if defined(__gfx950__)
using Bf16s = __bf16 __attribute__((ext_vector_type(8)));
static Float4 multiply(Bf16s a, Bf16s b, Float4 c) {
  return __builtin_amdgcn_mfma_f32_16x16x32_bf16(a, b, c, 0, 0, 0);
}
#else
using Bf16s = short __attribute__((ext_vector_type(4)));
static Float4 multiply(Bf16s a, Bf16s b, Float4 c) {
  return __builtin_amdgcn_mfma_f32_16x16x16bf16_1k(a, b, c, 0, 0, 0);
}
#endif

/// Lane l holds rows 4 * (l / 16) .. + 3 of column l % 16.
static void storeTile(Global<float> to, Float4 tile) {
  for (unsigned i = 0; i < 4; i++) to[(item() / 16 * 4 + i) * 16 + item() % 16] = tile[i];
}

/// c = a * b^T of 16 rows of `depth` bf16 each.
KERNEL void product(Global<const Bf16s> a, Global<const Bf16s> b, Global<float> c, unsigned depth) {
  constexpr unsigned kPart = sizeof(Bf16s) / 2;
  Float4 sum = {};
  for (unsigned k = item() / 16 * kPart; k < depth; k += 4 * kPart) {
    const unsigned at = (item() % 16 * depth + k) / kPart;
    sum = multiply(a[at], b[at], sum);
  }
  storeTile(c, sum);
}

/// Adds `values` to `sums`, a pair of f16 at a time, and keeps what was there before.
KERNEL void addPairs(Global<Half2> sums, Global<const Half2> values, Global<Half2> before) {
  before[item()] = __builtin_amdgcn_global_atomic_fadd_v2f16(sums + item() % 32, values[item()]);
}

#if !defined(__gfx90a__)
/// Narrows pairs of floats to fp8 (low half) and bf8 (high half).
KERNEL void narrow(Global<const float> in, Global<int> out) {
  const float x = in[2 * item()], y = in[2 * item() + 1];
  int pair = __builtin_amdgcn_cvt_pk_fp8_f32(x, y, 0, false);
  out[item()] = pair & 0xffff | __builtin_amdgcn_cvt_pk_bf8_f32(x, y, 0, false) << 16;
}

/// The values of the four fp8 codes in each dword.
KERNEL void widen(Global<const int> in, Global<float> out) {
  const int codes = in[item()];
  out[4 * item()] = __builtin_amdgcn_cvt_f32_fp8(codes, 0);
  out[4 * item() + 1] = __builtin_amdgcn_cvt_f32_fp8(codes, 1);
  const auto high = __builtin_amdgcn_cvt_pk_f32_fp8(codes, true);
  out[4 * item() + 2] = high[0];
  out[4 * item() + 3] = high[1];
}

/// c = a * b^T of 16 rows of 32 fp8 each.
KERNEL void productFp8(Global<const long> a, Global<const long> b, Global<float> c) {
  const unsigned at = item() % 16 * 4 + item() / 16;
  storeTile(c, __builtin_amdgcn_mfma_f32_16x16x32_fp8_fp8(a[at], b[at], Float4{}, 0, 0, 0));
}

/// Copies 64 * kBytes through LDS, which loads fill without registers; lane l's from l ^ 3.
KERNEL void stage(Global<const char> in, Global<unsigned> out) {
#if defined(__gfx950__)
  constexpr unsigned kBytes = 16;
#else
  constexpr unsigned kBytes = 4;
#endif
  static SHARED __attribute__((loader_uninitialized)) unsigned lds[64 * kBytes / 4];
  __builtin_amdgcn_global_load_lds((Global<void>)(in + (item() ^ 3) * kBytes), (SHARED void*)lds, kBytes, 0, 0);
  __builtin_amdgcn_s_waitcnt(0);
  for (unsigned i = item(); i < 64 * kBytes / 4; i += 64) out[i] = lds[i];
}
#endif

#if defined(__gfx942__)
/// c = a * b^T of 16 rows of 8 floats, whose mantissas count to ten bits.
KERNEL void productXf32(Global<const long> a, Global<const long> b, Global<float> c) {
  using Float2 = float __attribute__((ext_vector_type(2)));
  const unsigned at = item() % 16 * 4 + item() / 16;
  const Float2 x = __builtin_bit_cast(Float2, a[at]), y = __builtin_bit_cast(Float2, b[at]);
  storeTile(c, __builtin_amdgcn_mfma_f32_16x16x8_xf32(x, y, Float4{}, 0, 0, 0));
}
#endif

#if defined(__gfx950__)
/// Transposes 4 tiles of 16 x 4 16-bit values: lane l gets what lanes of its 16 have in place l % 4.
KERNEL void transpose(Global<const long> in, Global<long> out) {
  using Short4 = short __attribute__((ext_vector_type(4)));
  static SHARED __attribute__((loader_uninitialized)) long lds[64];
  lds[item()] = in[item()];
  __builtin_amdgcn_s_waitcnt(0);
  const Short4 row = __builtin_amdgcn_ds_read_tr16_b64_v4i16((SHARED Short4*)(lds + item()));
  out[item()] = __builtin_bit_cast(long, row);
}

/// Rounds pairs to bf16, then exchanges the halves of the wave between the two.
KERNEL void exchange(Global<const float> in, Global<unsigned> out) {
  using Bf16Pair = __bf16 __attribute__((ext_vector_type(2)));
  const Bf16Pair pair = {(__bf16)in[2 * item()], (__bf16)in[2 * item() + 1]};
  const unsigned bits = __builtin_bit_cast(unsigned, pair);
  const auto swapped = __builtin_amdgcn_permlane32_swap(bits, ~bits, false, false);
  out[item()] = swapped[0];
  out[64 + item()] = swapped[1];
}
#endif
