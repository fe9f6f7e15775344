"""DeepSeek's sizes of multi-head latent attention, and how a latent cache [num_blocks, block_size, 576] is read."""

import triton
import triton.language as tl

# A cached token: the latent that keys and values come from, then the rotary part of its key, which all heads share.
RANK = tl.constexpr(512)
ROPE = tl.constexpr(64)
# Of a head: the part of a query and key without position, and a value.
NOPE = tl.constexpr(128)
VALUE = tl.constexpr(128)
# Keys that lie in at most two blocks, since blocks have at least as many.
PART = tl.constexpr(16)


@triton.jit
def part_rows(first, last_key, block_table_ptr, block_size, stride_block, stride_slot):
    """Where the PART keys from `first` on begin, int64 [PART]. Keys behind last_key, which is one of them or lies before them,
    stand for last_key: what lies in unused slots is not read."""
    start = tl.minimum(first, last_key)
    block = start // block_size
    slot = start % block_size + tl.minimum(tl.arange(0, PART), last_key - start)
    this = tl.load(block_table_ptr + block).to(tl.int64) * stride_block
    next = tl.load(block_table_ptr + tl.minimum(block + 1, last_key // block_size)).to(tl.int64) * stride_block
    is_here = slot < block_size
    return tl.where(is_here, this, next) + tl.where(is_here, slot, slot - block_size) * stride_slot
