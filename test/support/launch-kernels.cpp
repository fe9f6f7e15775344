// Kernels that show what a launch sets up. Freestanding: compiled as C++ for amdgcn-amd-amdhsa.

#define KERNEL extern "C" __attribute__((amdgpu_kernel))

template <typename T>
using Global = __attribute__((address_space(1))) T*;
template <typename T>
using Constant = const __attribute__((address_space(4))) T*;
#define SHARED __attribute__((address_space(3), loader_uninitialized))

static unsigned item() { return __builtin_amdgcn_workitem_id_x(); }
static unsigned group() { return __builtin_amdgcn_workgroup_id_x(); }
static void barrier() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

extern __attribute__((address_space(3))) volatile unsigned dynamic[];

/// The 64 dwords of hidden arguments, then the dispatch packet's 16.
KERNEL void hidden(Global<unsigned> out) {
  dynamic[item()] = 0;  // only a kernel with dynamic LDS is told its size
  const auto arguments = static_cast<Constant<unsigned>>(__builtin_amdgcn_implicitarg_ptr());
  const auto packet = static_cast<Constant<unsigned>>(__builtin_amdgcn_dispatch_ptr());
  out[item()] = arguments[item()];
  if (item() < 16) out[64 + item()] = packet[item()];
}

/// Explicit arguments of several sizes; the compiler may have them preloaded.
KERNEL void arguments(Global<unsigned> out, unsigned a, unsigned short b, unsigned long c, unsigned char d) {
  out[0] = a;
  out[1] = b;
  out[2] = c >> 32;
  out[3] = d;
}

/// Adds 1 to a dword that a generic pointer finds in LDS, in private memory or in `values`, by kinds[lane].
KERNEL void apertures(Global<const unsigned> kinds, Global<unsigned> values) {
  static SHARED unsigned lds[64];
  volatile unsigned own[4];
  const unsigned lane = item(), kind = kinds[lane];
  lds[lane] = 100 + lane;
  own[kind] = 200 + lane;
  volatile unsigned* p = kind == 0   ? (volatile unsigned*)(lds + lane)
                         : kind == 1 ? (volatile unsigned*)(own + kind)
                                     : (volatile unsigned*)(values + lane);
  *p = *p + 1;
  values[64 + lane] = kind == 0 ? lds[lane] : kind == 1 ? own[kind] : 0;
}

/// A private array with dynamic indices, which lives in scratch memory: a few rounds of a mixing generator.
KERNEL void scratch(Global<const unsigned> seeds, Global<unsigned> out, unsigned rounds) {
  unsigned state[48];
  const unsigned index = group() * 128 + item();
  for (unsigned i = 0; i < 48; i++) state[i] = seeds[(index + i) & 255];
  for (unsigned i = 0; i < rounds; i++) {
    const unsigned from = seeds[(index * 7 + i) & 255] % 48, to = seeds[(index * 3 + i) & 255] % 48;
    state[to] = state[to] * 5 + state[from] + i;
    if (i == rounds / 2) barrier();
  }
  unsigned sum = 0;
  for (unsigned i = 0; i < 48; i++) sum = sum * 31 + state[i];
  out[index] = sum;
}

/// Each work-item writes how many of its wave are active.
KERNEL void active(Global<unsigned> out) {
  out[group() * 100 + item()] = __builtin_popcountll(__builtin_amdgcn_ballot_w64(true));
}

/// Each work-item of blocks of (5, 3, 7) in a grid of (2, 3, 2) writes its place in both, in the order of both.
KERNEL void places(Global<unsigned> out) {
  const unsigned x = item(), y = __builtin_amdgcn_workitem_id_y(), z = __builtin_amdgcn_workitem_id_z(),
                 gx = group(), gy = __builtin_amdgcn_workgroup_id_y(), gz = __builtin_amdgcn_workgroup_id_z();
  const unsigned in = (z * 3 + y) * 5 + x, of = (gz * 3 + gy) * 2 + gx;
  out[of * 105 + in] = x | y << 4 | z << 8 | gx << 12 | gy << 16 | gz << 20;
}

/// Writes the last dword of 32 KiB of static LDS and the last of `dwords` dynamic ones, which lie behind.
KERNEL void manyLds(Global<unsigned> out, unsigned dwords) {
  static SHARED volatile unsigned fixed[8192];
  fixed[8191] = 1;
  dynamic[dwords - 1] = 2;
  out[0] = fixed[8191] + 10 * dynamic[dwords - 1];
}

/// Wave 1 flushes binary32 denormals, wave 0 keeps them; both multiply them, before and after a barrier.
KERNEL void modes(Global<const volatile float> values, Global<float> out, float factor) {
  constexpr int kDenormals32 = 1 | 4 << 6 | 1 << 11;  // MODE, from bit 4, 2 bits
  const unsigned index = item();
  if (__builtin_amdgcn_readfirstlane(index / 64)) {
    __builtin_amdgcn_s_setreg(kDenormals32, 0);
  } else {
    __builtin_amdgcn_s_setreg(kDenormals32, 3);
  }
  out[index] = values[index] * factor;
  barrier();
  out[128 + index] = values[index] * factor;
}
