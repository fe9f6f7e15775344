// Small kernels for tests of the runtime. Freestanding: compiled as C++ for amdgcn-amd-amdhsa.

#define KERNEL extern "C" __attribute__((amdgpu_kernel))

template <typename T>
using Global = __attribute__((address_space(1))) T*;

/// values[i] += amount for i < count; workgroups of 64.
KERNEL void add(Global<float> values, float amount, int count) {
  const int index = __builtin_amdgcn_workgroup_id_x() * 64 + __builtin_amdgcn_workitem_id_x();
  if (index < count) values[index] += amount;
}

/// Waits until `gate[0]` is not 0, then counts itself in `gate[1]`.
KERNEL void wait(Global<volatile unsigned> gate) {
  while (gate[0] == 0) __builtin_amdgcn_s_sleep(1);
  if (__builtin_amdgcn_workitem_id_x() == 0) gate[1] = gate[1] + 1;
}

/// Writes where nothing is.
KERNEL void stray(Global<unsigned> out) { out[1ull << 38] = 1; }

/// What each workgroup of a grid of (2, 3, 4) thinks of its place, workgroups in order.
KERNEL void place(Global<unsigned> out) {
  const unsigned wx = __builtin_amdgcn_workgroup_id_x(), wy = __builtin_amdgcn_workgroup_id_y(),
                 wz = __builtin_amdgcn_workgroup_id_z();
  out[(wz * 3 + wy) * 2 + wx] = wx + 10 * wy + 100 * wz + 1000;
}

/// Sends `values` through dynamic LDS and back in reverse; one workgroup of `count` work-items.
KERNEL void reverse(Global<unsigned> values, unsigned count) {
  extern __attribute__((address_space(3))) unsigned lds[];
  const unsigned lane = __builtin_amdgcn_workitem_id_x();
  lds[lane] = values[lane];
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
  values[lane] = lds[count - 1 - lane];
}
