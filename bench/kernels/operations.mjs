import {
  convertFp8,
  createAttention,
  gatherCache,
  mergeAttentionStates,
  reshapeAndCache,
  reshapeAndCacheFlash,
} from "../../dist/index.js";
import { latentProducts } from "./latent-products.mjs";
import { BLOCK_SIZE, HEAD_SIZE } from "./shapes.mjs";

// The operations of bench/kernels.mjs: each over the keys and values of 8,192 tokens with 8 heads, those of a prompt, in
// blocks that are not in order. `prepare` gives the function that enqueues it and the bytes that it cannot do without: what
// it reads and what it writes, each once.

const TOKENS = 8192;
const HEADS = 8;
const BLOCKS = TOKENS / BLOCK_SIZE;
const ELEMENTS = TOKENS * HEADS * HEAD_SIZE;
const CACHES = { bf16: 2, fp8: 1 };
/** A backend for each layout. */
const LAYOUTS = {
  split: { backend: "ROCM_ATTN" },
  paired: { backend: "TRITON_ATTN" },
  shuffled: {
    ...{ backend: "ROCM_AITER_FA", kvCacheLayout: "shuffled" },
    env: { ...process.env, VLLM_ROCM_USE_AITER: "1" },
  },
};

const block = (index) => (7 * index) % BLOCKS;
const slots = BigInt64Array.from({ length: TOKENS }, (_, token) =>
  BigInt(block(Math.floor(token / BLOCK_SIZE)) * BLOCK_SIZE + (token % BLOCK_SIZE)),
);

export const operations = [
  ...Object.keys(LAYOUTS).flatMap((layout) =>
    Object.keys(CACHES).flatMap((type) => [
      { name: `write to ${layout}, ${type}`, prepare: write(layout, type) },
      { name: `gather from ${layout}, ${type}`, prepare: gather(layout, type) },
    ]),
  ),
  { name: "copy blocks of 4 layers", prepare: copyBlocks },
  { name: "convert to fp8", prepare: convert((wide, narrow) => ({ from: wide, to: narrow })) },
  { name: "convert from fp8", prepare: convert((wide, narrow) => ({ from: narrow, to: wide })) },
  { name: "merge states of attention", prepare: merge },
  ...latentProducts,
];

/** A cache, and dense keys and values. */
function cacheOf(device, layout, type, layers = 1) {
  const attention = createAttention(device, {
    ...{ numHeads: HEADS, numKvHeads: HEADS, headSize: HEAD_SIZE, dtype: "bfloat16", blockSize: BLOCK_SIZE },
    ...{ kvCacheDtype: type === "fp8" ? "fp8" : "auto", ...LAYOUTS[layout] },
  });
  const cache = attention.createKvCache({ numBlocks: 2 * BLOCKS, layers });
  const [key, value] = [1, 2].map(() => device.empty([TOKENS, HEADS, HEAD_SIZE], "bfloat16"));
  return { cache, key, value, owners: [cache, key, value, attention] };
}

function write(layout, type) {
  return async (device) => {
    const { cache, key, value, owners } = cacheOf(device, layout, type);
    const slotMapping = await device.upload(slots, { shape: [TOKENS], dtype: "int64" });
    const operation = layout === "paired" ? reshapeAndCacheFlash : reshapeAndCache;
    return {
      enqueue: () => operation({ key, value, cache: cache.layer(0), slotMapping }),
      bytes: 2 * ELEMENTS * (2 + CACHES[type]) + 8 * TOKENS,
      owners: [...owners, slotMapping],
    };
  };
}

function gather(layout, type) {
  return async (device) => {
    const { cache, key, value, owners } = cacheOf(device, layout, type);
    const int32 = (values, shape) => device.upload(Int32Array.from(values), { shape, dtype: "int32" });
    const table = Array.from({ length: BLOCKS }, (_, index) => block(index));
    const blockTable = await int32(table, [1, BLOCKS]);
    const starts = await int32([0], [1]);
    const rowStarts = await int32([0, TOKENS], [2]);
    return {
      enqueue: () => gatherCache({ cache: cache.layer(0), blockTable, starts, rowStarts, key, value }),
      bytes: 2 * ELEMENTS * (2 + CACHES[type]) + 4 * BLOCKS,
      owners: [...owners, blockTable, starts, rowStarts],
    };
  };
}

function copyBlocks(device) {
  const layers = 4;
  const { cache, owners } = cacheOf(device, "split", "bf16", layers);
  const copies = Array.from({ length: 256 }, (_, index) => ({ from: block(index), to: BLOCKS + index }));
  return {
    enqueue: () => cache.copyBlocks(copies),
    bytes: 2 * copies.length * layers * 2 * BLOCK_SIZE * HEADS * HEAD_SIZE * 2,
    owners,
  };
}

function convert(direction) {
  return (device) => {
    const wide = device.empty([ELEMENTS], "bfloat16");
    const narrow = device.empty([ELEMENTS], "float8_e4m3fnuz");
    return {
      enqueue: () => convertFp8(direction(wide, narrow)),
      bytes: 3 * ELEMENTS,
      owners: [wide, narrow],
    };
  };
}

function merge(device) {
  const [first, second, into] = [1, 2, 3].map(() => ({
    output: device.empty([TOKENS, HEADS, HEAD_SIZE], "bfloat16"),
    lse: device.empty([TOKENS, HEADS], "float32"),
  }));
  return {
    enqueue: () => mergeAttentionStates({ first, second, into }),
    bytes: 3 * (2 * ELEMENTS + 4 * TOKENS * HEADS),
    owners: [first, second, into].flatMap(({ output, lse }) => [output, lse]),
  };
}
