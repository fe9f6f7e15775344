// Vector kernels for bench/emulator.mjs. Freestanding: compiled as C++ for amdgcn-amd-amdhsa.

#define KERNEL extern "C" __attribute__((amdgpu_kernel))
#define SHARED __attribute__((address_space(3)))

template <typename T>
using Global = __attribute__((address_space(1))) T*;

static inline unsigned lane() { return __builtin_amdgcn_workitem_id_x(); }
static inline unsigned element() { return __builtin_amdgcn_workgroup_id_x() * 256 + lane(); }

static inline void barrier() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

/// Memory: to[i] = a[i] + b[i]; workgroups of 256.
KERNEL void add(Global<const float> a, Global<const float> b, Global<float> to) {
  to[element()] = a[element()] + b[element()];
}

/// Arithmetic: a chain of multiply-adds, exponentials and selects in registers.
KERNEL void iterate(Global<const float> from, Global<float> to) {
  const float x = from[element()];
  float y = 0;
  for (int k = 0; k < 64; k++) {
    const float t = x * 0.5f + static_cast<float>(k);
    y = __builtin_fmaf(y, t, 1.0f);
    y = __builtin_amdgcn_exp2f(__builtin_fminf(y, 3.0f)) + (t > 3.0f ? y : -x);
  }
  to[element()] = y;
}

/// LDS and barriers: the sum of 256 values, a tree of halves.
KERNEL void reduce(Global<const float> from, Global<float> to) {
  [[clang::loader_uninitialized]] static SHARED float sums[256];
  sums[lane()] = from[element()];
  barrier();
  for (unsigned half = 128; half > 0; half /= 2) {
    if (lane() < half) sums[lane()] += sums[lane() + half];
    barrier();
  }
  if (lane() == 0) to[__builtin_amdgcn_workgroup_id_x()] = sums[0];
}
