// The rows of gathered keys and values: which token of the cache each of them is.
#pragma once

#include "cache.h"

// A range of positions of each sequence, whose tokens become consecutive rows.
struct Ranges {
  const int* block_table;  // [sequences, stride_table]
  const int* starts;       // [sequences], the first position
  const int* row_starts;   // [sequences + 1], the row of the first position
  int num_sequences;
  int stride_table;
  int num_rows;  // that the output has
};

// The last of the sequences that begin at or before a row. Of those that begin at one row all but the last
// have none.
static inline __device__ int sequence_of(const int* row_starts, int num_sequences, int row) {
  int low = 0;
  for (int high = num_sequences; high - low > 1;) {
    const int middle = (low + high) / 2;
    (row_starts[middle] <= row ? low : high) = middle;
  }
  return low;
}

// Where a row's token is in the cache; nowhere, where no range has the row or the table no block of the
// cache.
static inline __device__ Slot slot_of(const Ranges& of, int row, int block_size, int num_blocks) {
  const int sequence = sequence_of(of.row_starts, of.num_sequences, row);
  const int offset = row - of.row_starts[sequence];
  if (row >= of.num_rows || offset < 0 || row >= of.row_starts[sequence + 1]) return {};
  const uint32_t position = of.starts[sequence] + offset;
  const uint32_t column = position / block_size;
  if (column >= static_cast<uint32_t>(of.stride_table)) return {};
  const uint32_t block = of.block_table[sequence * int64_t{of.stride_table} + column];
  return {block < static_cast<uint32_t>(num_blocks), block, static_cast<int>(position - column * block_size)};
}
