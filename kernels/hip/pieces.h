// Rows of 16-bit elements in pieces of 16 bytes, which a lane loads or stores at once.
#pragma once

#include <hip/hip_runtime.h>

constexpr int kPiece = 8;  // elements
using Piece = uint16_t __attribute__((ext_vector_type(kPiece)));

// Of the kernels that write a cache: eight heads of 128 elements in one go.
constexpr int kCacheWorkItems = 128;

static inline __device__ Piece load_piece(const uint16_t* from) {
  return *reinterpret_cast<const Piece*>(from);
}

static inline __device__ void store_piece(uint16_t* to, Piece piece) {
  *reinterpret_cast<Piece*>(to) = piece;
}
