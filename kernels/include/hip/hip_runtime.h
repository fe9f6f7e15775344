// The part of HIP that the templates of CK-tile and AITER use in device code, on clang's builtins: they are
// compiled where there is no ROCm. Of the host's functions there are those that they name and never call.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#define __HIPCC__ 1
// clang's own header: __global__ and so on, and the C library's mathematics in terms of the __ocml functions.
#include <__clang_hip_runtime_wrapper.h>

#define __forceinline__ inline __attribute__((always_inline))

// Work-items of a workgroup at most, and waves per SIMD at least. clang ignores its attribute of that name.
#define __launch_bounds__(...) HIP_LAUNCH_BOUNDS(__VA_ARGS__, 1, )
#define HIP_LAUNCH_BOUNDS(workItems, waves, ...) \
  __attribute__((amdgpu_flat_work_group_size(1, workItems), amdgpu_waves_per_eu(waves)))

struct dim3 {
  uint32_t x, y, z;
  constexpr dim3(uint32_t x_ = 1, uint32_t y_ = 1, uint32_t z_ = 1) : x(x_), y(y_), z(z_) {}
};

// Variables whose members are read from registers.
#define HIP_COORDINATES(name, valueX, valueY, valueZ)    \
  struct name##_t {                                      \
    __declspec(property(get = getX)) uint32_t x;         \
    __declspec(property(get = getY)) uint32_t y;         \
    __declspec(property(get = getZ)) uint32_t z;         \
    static __device__ uint32_t getX() { return valueX; } \
    static __device__ uint32_t getY() { return valueY; } \
    static __device__ uint32_t getZ() { return valueZ; } \
  };                                                     \
  static const __device__ name##_t name{};
HIP_COORDINATES(threadIdx, __builtin_amdgcn_workitem_id_x(), __builtin_amdgcn_workitem_id_y(),
                __builtin_amdgcn_workitem_id_z())
HIP_COORDINATES(blockIdx, __builtin_amdgcn_workgroup_id_x(), __builtin_amdgcn_workgroup_id_y(),
                __builtin_amdgcn_workgroup_id_z())
HIP_COORDINATES(blockDim, __builtin_amdgcn_workgroup_size_x(), __builtin_amdgcn_workgroup_size_y(),
                __builtin_amdgcn_workgroup_size_z())
HIP_COORDINATES(gridDim, __builtin_amdgcn_grid_size_x() / blockDim.x,
                __builtin_amdgcn_grid_size_y() / blockDim.y, __builtin_amdgcn_grid_size_z() / blockDim.z)

enum hipError_t { hipSuccess = 0 };
struct hipDeviceProp_t {
  int major;
  char gcnArchName[256];
};
hipError_t hipGetDevice(int*);
hipError_t hipGetDeviceProperties(hipDeviceProp_t*, int);

typedef uint32_t uint2 __attribute__((ext_vector_type(2)));
typedef uint32_t uint4 __attribute__((ext_vector_type(4)));
typedef float float2 __attribute__((ext_vector_type(2)));
typedef float float4 __attribute__((ext_vector_type(4)));

static inline __host__ __device__ uint2 make_uint2(uint32_t x, uint32_t y) { return uint2{x, y}; }
static inline __device__ float2 make_float2(float x, float y) { return float2{x, y}; }
static inline __device__ float4 make_float4(float x, float y, float z, float w) { return float4{x, y, z, w}; }

constexpr int warpSize = 64;

static inline __device__ uint32_t __lane_id() {
  return __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, 0u));
}

static inline __device__ void __syncthreads() {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
}

static inline __device__ uint32_t __umulhi(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>((static_cast<uint64_t>(a) * b) >> 32);
}

static inline __device__ int __clz(int x) { return x == 0 ? 32 : __builtin_clz(x); }

// Another lane's value: lanes form groups of `width`, a power of two, and keep their own where the other lane
// is beyond their group.
template <typename T>
static inline __device__ T hipLaneValue(T value, int lane) {
  static_assert(sizeof(T) == 4);
  const int bits = __builtin_bit_cast(int, value);
  return __builtin_bit_cast(T, __builtin_amdgcn_ds_bpermute(4 * lane, bits));
}

template <typename T>
static inline __device__ T __shfl_xor(T value, int mask, int width = warpSize) {
  const int own = __lane_id();
  const int other = own ^ mask;
  const int end = (own & ~(width - 1)) + width;
  return hipLaneValue(value, other < end ? other : own);
}

template <typename T>
static inline __device__ T __shfl_down(T value, uint32_t distance, int width = warpSize) {
  const int own = __lane_id();
  const bool inside = (own & (width - 1)) + distance < static_cast<uint32_t>(width);
  return hipLaneValue(value, inside ? own + static_cast<int>(distance) : own);
}

template <typename T>
static inline __device__ T atomicCAS(T* address, T expected, T desired) {
  __hip_atomic_compare_exchange_strong(address, &expected, desired, __ATOMIC_RELAXED, __ATOMIC_RELAXED,
                                       __HIP_MEMORY_SCOPE_AGENT);
  return expected;
}

template <typename T, typename U>
static inline __device__ T atomicAdd(T* address, U value) {
  return __hip_atomic_fetch_add(address, static_cast<T>(value), __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_AGENT);
}

extern "C" __device__ int printf(const char*, ...);

// clang's header calls this for expf; LLVM has instructions for it and needs no library.
extern "C" inline __device__ float __ocml_exp_f32(float x) { return __builtin_elementwise_exp(x); }
