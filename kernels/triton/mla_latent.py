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
def part_rows(block, slot, rest, last_block, block_table_ptr, block_size, stride_block, stride_slot):
    """Where the PART keys from a slot of a sequence's block on begin, int64 [PART]. Of them `rest` and no more exist, at least 1, and
    the last of these stands for the others: what lies in unused slots is not read."""
    slots = slot + tl.minimum(tl.arange(0, PART), rest - 1)
    this = tl.load(block_table_ptr + block).to(tl.int64) * stride_block
    next = tl.load(block_table_ptr + tl.minimum(block + 1, last_block)).to(tl.int64) * stride_block - block_size * stride_slot
    # The compiler does not see through the choice that strides are multiples of 8, which loads of 16 bytes need.
    return tl.multiple_of(tl.where(slots < block_size, this, next) + slots * stride_slot, 8)
