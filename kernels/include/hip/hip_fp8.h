#pragma once

// AITER's templates choose instructions by these types.
struct __hip_fp8_e4m3 {
  unsigned char value;
};
struct __hip_fp8_e5m2 {
  unsigned char value;
};
