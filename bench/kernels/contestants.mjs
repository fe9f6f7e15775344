import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { compileFlex, createAttention, createBatch, createMlaAttention, flex } from "../../dist/index.js";
import { testManifest } from "../../scripts/setup/kernels.mjs";
import { root } from "../../scripts/setup/paths.mjs";
import { BLOCK_SIZE, HEAD_SIZE, LATENT_RANK, LATENT_SIZE } from "./shapes.mjs";

// Who takes part in bench/kernels.mjs. Each makes its tensors for a shape, whose memory nobody writes, and gives the
// function that enqueues its launches, or throws where it does not serve the shape or its kernels are not at hand. With it
// come the addresses of the caches, and those of the queries and the output.

const ARCH = "gfx942";

/** A backend of this package, as a program would use it; `bringsKeys`: its calls write those of new tokens. */
function backend(name, env = {}, phases = ["decode", "prefill"], options = {}, bringsKeys = false) {
  return (device, shape) => {
    const { numHeads, numKvHeads, headSize, sequences, length, queries, cache: cacheType, phase } = shape;
    if (shape.isLatent) throw new Error("does not attend to latents");
    if (!phases.includes(phase)) throw new Error(`differs in ${phases[0]} alone`);
    const attention = createAttention(device, {
      ...{ numHeads, numKvHeads, headSize, dtype: "bfloat16", blockSize: BLOCK_SIZE, env },
      ...{ backend: name, kvCacheDtype: cacheType === "fp8" ? "fp8" : "auto", ...options },
    });
    const blocks = length / BLOCK_SIZE;
    const cache = attention.createKvCache({ numBlocks: sequences * blocks, layers: 1 });
    const tokens = sequences * queries;
    const batch = batchOf(device, shape);
    const dense = (heads) => device.empty([tokens, heads, headSize], "bfloat16");
    const [query, output] = [dense(numHeads), dense(numHeads)];
    const keys = bringsKeys ? { key: dense(numKvHeads), value: dense(numKvHeads) } : {};
    const layer = cache.layer(0);
    attention.prepare(batch);
    const tensors = [query, output, ...Object.values(keys), cache, batch];
    const caches = bringsKeys
      ? Object.values(keys)
      : attention.kvCacheLayout.parts.map((part) => layer.part(part.name));
    return {
      enqueue: () => attention.forward({ query, ...keys, output, cache: layer, batch }),
      caches: caches.map(({ pointer }) => pointer),
      ends: [query.pointer, output.pointer],
      dispose: () => disposeAll([...tensors, attention]),
    };
  };
}

/**
 * FLEX_ATTENTION's prefill with functions, `compiled` or interpreted. The tensors that they read hold zeros: one document, and
 * no bias.
 */
function functions(of, compiled) {
  const env = compiled ? process.env : { ...process.env, ROCM_ATTENTION_CACHE: "/nonexistent" };
  return async (device, shape) => {
    const { numHeads, numKvHeads, headSize, length, phase, cache } = shape;
    if (phase !== "prefill" || cache !== "bf16") throw new Error("is compared in prefills over a bf16 cache");
    const slopes = await device.zeros([numHeads], "float32");
    const documents = await device.zeros([1, length], "int32");
    const config = { numHeads, numKvHeads, headSize, dtype: "bfloat16", blockSize: BLOCK_SIZE };
    const options = of({ slopes, documents });
    const named = { ...config, ...options, backend: "FLEX_ATTENTION", env };
    if (compiled) await compileFlex(device, named);
    const made = await backend("FLEX_ATTENTION", env, ["prefill"], options)(device, shape);
    const disposeOfOthers = made.dispose;
    return { ...made, dispose: () => disposeAll([{ dispose: disposeOfOthers }, slopes, documents]) };
  };
}

/** A causal mask in other words than the kernels know. */
const causal = () => ({ maskMod: ({ query, key }) => key.sub(query).le(0) });
/** Rows that see all of a block still change its scores, by ALiBi and a soft cap. */
const documents = (tensors) => ({
  maskMod: flex.documentMask(tensors.documents),
  scoreMod: flex.chain(flex.softCap(30), flex.alibi(tensors.slopes)),
});

/** A backend of latent attention, with its products: a layer's whole decode. */
function latentBackend(name) {
  return (device, shape) => {
    const { numHeads, sequences, length } = shape;
    if (!shape.isLatent) throw new Error("attends to latents alone");
    const attention = createMlaAttention(device, {
      ...{ numHeads, kvLoraRank: LATENT_RANK, dtype: "bfloat16", blockSize: BLOCK_SIZE, backend: name },
    });
    const cache = attention.createKvCache({ numBlocks: (sequences * length) / BLOCK_SIZE });
    const batch = batchOf(device, shape);
    attention.prepare(batch);
    const tensor = (...dimensions) => device.empty(dimensions, "bfloat16");
    const kvB = tensor(numHeads * 2 * HEAD_SIZE, LATENT_RANK);
    const weights = attention.prepareKvB(kvB);
    const queryNope = tensor(sequences, numHeads, HEAD_SIZE);
    const queryRope = tensor(sequences, numHeads, LATENT_SIZE - LATENT_RANK);
    const output = tensor(sequences, numHeads, HEAD_SIZE);
    const layer = cache.layer(0);
    const tensors = [queryNope, queryRope, output, kvB, weights, cache, batch];
    return {
      enqueue: () => attention.forward({ queryNope, queryRope, weights, output, cache: layer, batch }),
      caches: [layer.part("latent").pointer],
      ends: [queryNope.pointer, queryRope.pointer, output.pointer],
      dispose: () => disposeAll([...tensors, attention]),
    };
  };
}

/** A batch that stands at a shape's step. */
function batchOf(device, { sequences, length, queries }) {
  const blocks = length / BLOCK_SIZE;
  const batch = createBatch(device, {
    ...{ maxSequences: sequences, maxTokens: sequences * queries },
    ...{ maxBlocksPerSequence: blocks, maxQueryLen: queries },
  });
  batch.update({
    queryStartLoc: Int32Array.from({ length: sequences + 1 }, (_, sequence) => sequence * queries),
    seqLens: new Int32Array(sequences).fill(length),
    blockTable: blockTable(sequences, blocks),
  });
  return batch;
}

/** AITER's kernels from its wheel, without their launchers: `launches(shape, tensors)` says how each is called. */
function aiter(needs, layout, launches) {
  return async (device, shape) => {
    const { numHeads, numKvHeads, sequences, length, phase, cache } = shape;
    const lacking = needs({ ...shape, group: numHeads / numKvHeads });
    if (shape.isLatent) throw new Error("does not attend to latents");
    if (phase !== "decode" || cache !== "bf16") throw new Error("serves decodes over a bf16 cache alone");
    if (lacking !== null) throw new Error(lacking);
    const blocks = length / BLOCK_SIZE;
    const shapeOf = layout(sequences * blocks, numKvHeads);
    const tensors = {
      query: device.empty([sequences, numHeads, HEAD_SIZE], "bfloat16"),
      output: device.empty([sequences, numHeads, HEAD_SIZE], "bfloat16"),
      key: device.empty(shapeOf, "bfloat16"),
      value: device.empty(shapeOf, "bfloat16"),
      table: device.empty([sequences, blocks], "int32"),
      lengths: device.empty([sequences], "int32"),
    };
    await tensors.table.write(Int32Array.from(blockTable(sequences, blocks).flatMap((row) => [...row])));
    await tensors.lengths.write(new Int32Array(sequences).fill(length));
    const made = launches({ ...shape, blocks, device }, tensors);
    return {
      enqueue: () => {
        for (const { kernel, grid, block, kernargs } of made.launches)
          device.defaultStream.launch(kernel, { grid, block, kernargs });
      },
      caches: [tensors.key.pointer, tensors.value.pointer],
      ends: [tensors.query.pointer, tensors.output.pointer],
      dispose: () => disposeAll([...Object.values(tensors), ...made.tensors]),
    };
  };
}

const PARTITION = 256;
const pagedAttentionV1 = aiter(
  ({ group }) => (group === 8 ? null : "is instantiated for groups of 8 heads alone"),
  (blocks, heads) => [blocks, BLOCK_SIZE, heads, HEAD_SIZE],
  (
    { device, sequences, length, numHeads, numKvHeads, blocks },
    { query, output, key, value, table, lengths },
  ) => {
    const partitions = Math.ceil(length / PARTITION);
    const rows = sequences * numHeads;
    const [sums, maxima] = [1, 2].map(() => device.empty([rows, partitions], "float32"));
    const partial = device.empty([rows, partitions, HEAD_SIZE], "bfloat16");
    const row = numKvHeads * HEAD_SIZE;
    const split = kernel(device, "aiter.paged_attention_split.bfloat16.d128");
    const reduce = kernel(device, "aiter.paged_attention_reduce.bfloat16.d128");
    return {
      tensors: [sums, maxima, partial],
      launches: [
        {
          ...{ kernel: split, grid: [sequences, partitions, numKvHeads], block: 256 },
          kernargs: packed(160, [
            ...[query, key, value].map(({ pointer }, index) => [8 * index, pointer]),
            ...[
              [24, { float: HEAD_SIZE ** -0.5 }],
              [32, table.pointer],
              [48, lengths.pointer],
              [56, blocks],
            ],
            ...[
              [72, numHeads * HEAD_SIZE],
              [76, BLOCK_SIZE * row],
              [80, HEAD_SIZE],
              [84, row],
            ],
            ...[sums, maxima, partial].map(({ pointer }, index) => [88 + 8 * index, pointer]),
          ]),
        },
        {
          ...{ kernel: reduce, grid: [numHeads, sequences, 1], block: HEAD_SIZE },
          kernargs: packed(64, [
            ...[output, sums, maxima, partial].map(({ pointer }, index) => [8 * index, pointer]),
            ...[
              [40, lengths.pointer],
              [48, partitions],
            ],
          ]),
        },
      ],
    };
  },
);

const assembly = aiter(
  ({ group, sequences, length, numKvHeads }) => {
    if (group !== 8 && group !== 16) return "has objects for groups of 8 and 16 heads alone";
    // Its buffers' ranges have 32 bits: what lies behind reads as 0.
    const partBytes = sequences * length * numKvHeads * HEAD_SIZE * 2;
    return partBytes < 2 ** 32 ? null : "reaches 4 GiB of keys or values";
  },
  (blocks, heads) => [blocks, heads, HEAD_SIZE * BLOCK_SIZE],
  ({ device, sequences, numHeads, numKvHeads, blocks }, { query, output, key, value, table, lengths }) => {
    const group = numHeads / numKvHeads;
    const slots = [
      ...[output, query, key, value, table, lengths].map(({ pointer }) => pointer),
      ...[0n, 0n, { float: Math.LOG2E * HEAD_SIZE ** -0.5 }, blocks, numKvHeads, 2 * numHeads * HEAD_SIZE],
      ...[2 * numKvHeads * HEAD_SIZE * BLOCK_SIZE, 2 * HEAD_SIZE * BLOCK_SIZE, group],
    ];
    return {
      tensors: [],
      launches: [
        {
          kernel: kernel(device, `aiter.paged_decode.bfloat16.auto.g${group}`),
          ...{ grid: [numKvHeads, sequences, 1], block: 256 },
          kernargs: packed(
            256,
            slots.map((value, index) => [16 * index, value]),
          ),
        },
      ],
    };
  },
);

/** By their names in the report, ours first. */
export const contestants = {
  TRITON_ATTN: backend("TRITON_ATTN"),
  TRITON_MLA: latentBackend("TRITON_MLA"),
  ROCM_ATTN: backend("ROCM_ATTN"),
  "ROCM_ATTN, decode in Triton": backend("ROCM_ATTN", { VLLM_ROCM_CUSTOM_PAGED_ATTN: "0" }, ["decode"]),
  FLEX_ATTENTION: backend("FLEX_ATTENTION", {}, ["prefill"]),
  "FLEX_ATTENTION, causal compiled": functions(causal, true),
  "FLEX_ATTENTION, causal interpreted": functions(causal, false),
  "FLEX_ATTENTION, documents compiled": functions(documents, true),
  "FLEX_ATTENTION, documents interpreted": functions(documents, false),
  "AITER FA over the cache": backend("ROCM_AITER_FA", {}, ["prefill"]),
  "AITER FA over new keys": backend("ROCM_AITER_FA", {}, ["prefill"], {}, true),
  "AITER Triton": backend("ROCM_AITER_UNIFIED_ATTN", { VLLM_ROCM_USE_AITER: "1" }),
  ROCM_AITER_MLA: latentBackend("ROCM_AITER_MLA"),
  "AITER pa_v1": pagedAttentionV1,
  "AITER pa asm": assembly,
};

function disposeAll(owners) {
  for (const owner of owners) owner.dispose();
}

/** Each sequence's blocks, all different and not in order: their number is a power of two. */
function blockTable(sequences, blocks) {
  let next = 0;
  const all = sequences * blocks;
  return Array.from({ length: sequences }, () =>
    Int32Array.from({ length: blocks }, () => (7 * next++) % all),
  );
}

/** Kernel arguments by their offset: addresses, integers, and { float }. */
function packed(bytes, rows) {
  const view = new DataView(new ArrayBuffer(bytes));
  for (const [offset, value] of rows) {
    if (typeof value === "bigint") view.setBigUint64(offset, value, true);
    else if (typeof value === "number") view.setInt32(offset, value, true);
    else view.setFloat32(offset, value.float, true);
  }
  return new Uint8Array(view.buffer);
}

/** A kernel among those that only tests and benchmarks run. */
function kernel(device, id) {
  for (const manifest of [testManifest(ARCH), `build/kernels/${ARCH}/manifest.json`]) {
    const path = join(root, manifest);
    if (!existsSync(path)) throw new Error("AITER's kernels are not at hand (npm test builds them)");
    const row = JSON.parse(readFileSync(path, "utf8")).kernels.find((row) => row.id === id);
    if (row !== undefined)
      return device.loadModule(readFileSync(join(dirname(path), row.file))).kernel(row.symbol);
  }
  throw new Error(`there is no kernel ${id}`);
}
