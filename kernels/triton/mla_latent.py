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
def look_up(pages, at, PARTS: tl.constexpr):
    """The blocks that hold a tile's parts, two each, and their first slots in the first of them; and where the next tile begins.

    `pages`: of a sequence its row of the block table, the block size, the last block and the end of the keys. `at`: a tile's first
    key, its block and its slot there. Parts behind the last one that exists are that one again.
    """
    table, block_size, last_block, end_key = pages
    key, block, slot = at
    blocks = ()
    slots = ()
    for _ in tl.static_range(PARTS):
        this = tl.load(table + block)
        next = tl.load(table + tl.minimum(block + 1, last_block))
        blocks = blocks + ((this, next),)
        slots = slots + (slot,)
        key += PART
        slot += tl.where(key < end_key, PART, 0)
        block += (slot >= block_size).to(tl.int32)
        slot = tl.where(slot >= block_size, slot - block_size, slot)
    return blocks, slots, (key, block, slot)


@triton.jit
def load_latents(latent_cache_ptr, blocks, slots, first, pages, strides, PARTS: tl.constexpr):
    """The latents and the rotary keys of a tile's parts, as the cache stores them. The last key that exists stands for those behind
    it: what lies in unused slots is not read."""
    _, block_size, _, end_key = pages
    stride_block, stride_slot = strides
    last_part = (end_key - 1) // PART * PART
    latents = ()
    key_ropes = ()
    for part in tl.static_range(PARTS):
        rest = end_key - tl.minimum(first + part * PART, last_part)
        in_block = slots[part] + tl.minimum(tl.arange(0, PART), rest - 1)
        this = blocks[part][0].to(tl.int64) * stride_block
        next = blocks[part][1].to(tl.int64) * stride_block - block_size * stride_slot
        # The compiler does not see through the choice that strides are multiples of 8, which loads of 16 bytes need.
        places = tl.multiple_of(tl.where(in_block < block_size, this, next) + in_block * stride_slot, 8)
        latents = latents + (tl.load(latent_cache_ptr + places[:, None] + tl.arange(0, RANK)[None, :]),)
        key_ropes = key_ropes + (tl.load(latent_cache_ptr + RANK + places[:, None] + tl.arange(0, ROPE)[None, :]),)
    return latents, key_ropes
