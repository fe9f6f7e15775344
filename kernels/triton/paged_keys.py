"""Keys and values of one head in a paged cache.

A tile consists of parts of 16 keys, the granule of block sizes. A part lies in one block, so its address is a scalar:
one look-up in the block table, one 64-bit base; what lanes add to it is 32 bits wide and the same in every tile.
"""

import triton
import triton.language as tl

PART = tl.constexpr(16)
# Bits of a key that lie together in a split cache.
PIECE_BITS = tl.constexpr(128)


@triton.jit
def split_cache(key_cache_ptr, value_cache_ptr, block_table_ptr, block_size, stride_block, stride_value_block, head_size, kv_head):
    """What attend_tiles takes for one head of a cache of layout split."""
    head = kv_head * head_size * block_size
    piece: tl.constexpr = PIECE_BITS // key_cache_ptr.dtype.element_ty.primitive_bitwidth
    return (key_cache_ptr + head, value_cache_ptr + head, block_table_ptr, block_size, (stride_block, piece),
            (stride_value_block, 1), head_size)


@triton.jit
def look_up(block_table_ptr, block, slot, block_size, last_block, PARTS: tl.constexpr):
    """The blocks and the first slots of a tile's parts, and where the tile behind it begins."""
    blocks = ()
    slots = ()
    for _ in tl.static_range(PARTS):
        blocks = blocks + (tl.load(block_table_ptr + tl.minimum(block, last_block)),)
        slots = slots + (slot,)
        slot += PART
        block += (slot == block_size).to(tl.int32)
        slot = tl.where(slot == block_size, 0, slot)
    return blocks, slots, block, slot


@triton.jit
def load_parts(blocks, slots, tile, end_key, cache, key_offsets, value_offsets, in_head, in_part,
               PARTS: tl.constexpr, GENERAL: tl.constexpr, MASKED: tl.constexpr, SPLIT: tl.constexpr):
    """The keys and values of a tile's parts, as the cache stores them; those behind end_key are 0 where MASKED, but for values
    of a split cache, whose slots lie side by side and are loaded together."""
    key_cache_ptr, value_cache_ptr, _, _, key_strides, value_strides, _ = cache
    keys = ()
    values = ()
    for part in tl.static_range(PARTS):
        block = blocks[part].to(tl.int64)
        slot = slots[part].to(tl.int64) if GENERAL else slots[part]  # an encoder's sequence is one block, and may be long
        key_base = block * key_strides[0] + slot * key_strides[1]
        value_base = block * value_strides[0] + slot * value_strides[1]
        key_mask = in_head[:, None]
        value_mask = in_head[None, :]
        if MASKED:
            exists = tile + part * PART + in_part < end_key
            key_mask &= exists[None, :]
            if not SPLIT:
                value_mask &= exists[:, None]
        keys = keys + (tl.load(key_cache_ptr + key_base + key_offsets, mask=key_mask, other=0.0),)
        values = values + (tl.load(value_cache_ptr + value_base + value_offsets, mask=value_mask, other=0.0),)
    return keys, values
