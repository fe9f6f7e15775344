import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAttention, createBatch } from "../../dist/index.js";
import { aiterObjects } from "../../scripts/setup/aiter.mjs";
import { testManifest } from "../../scripts/setup/kernels.mjs";
import { root } from "../../scripts/setup/paths.mjs";
import { findProgram } from "../../scripts/setup/toolchain.mjs";

// What bench/emulator.mjs runs: each case makes its inputs on a device once and gives a function that enqueues its
// launches, or throws where its kernels are not at hand.

const ARCH = "gfx942";
const HEAD_SIZE = 128;

export const cases = {
  "Triton prefill, 2048 x 8 heads": (device) => tritonAttention(device, [2048], [2048]),
  "Triton split decode, 8 x 2048 keys": (device) =>
    tritonAttention(device, Array(8).fill(1), Array(8).fill(2048)),
  "CK forward, causal 1024 x 4 heads": (device) => ckForward(device, 1024),
  "AITER fmha, causal 1024 x 4 heads": (device) => aiterForward(device, 1024),
  "AITER pa, 8 x 1024 keys, 16 heads": (device) => aiterPagedDecode(device, 8, 1024),
  "vector: add": (device) => vector(device, "add", [1 << 20, 1 << 20]),
  "vector: arithmetic": (device) => vector(device, "iterate", [1 << 17]),
  "vector: LDS reduction": (device) => vector(device, "reduce", [1 << 19]),
};

let seed = 1;
/** bfloat16 values between -2 and 2. */
function randomBits(count) {
  return Uint16Array.from({ length: count }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return 0x3f00 | (seed >>> 24) | ((seed >>> 8) & 0x8000);
  });
}

const upload = (device, ...shape) =>
  device.upload(randomBits(shape.reduce((product, extent) => product * extent, 1)), {
    shape,
    dtype: "bfloat16",
  });

/** The launch with the tensors of which it only has the addresses: what nobody refers to is freed. */
const keeping = (tensors, launch) => Object.assign(launch, { tensors });

/** 8 query heads and 2 KV heads over a paged cache with permuted blocks. */
async function tritonAttention(device, queryLengths, keyLengths) {
  const [numHeads, numKvHeads, blockSize] = [8, 2, 16];
  const attention = createAttention(device, {
    ...{ numHeads, numKvHeads, headSize: HEAD_SIZE, dtype: "bfloat16", blockSize },
    backend: "TRITON_ATTN",
  });
  const blocks = keyLengths.map((length) => Math.ceil(length / blockSize));
  const numBlocks = blocks.reduce((sum, count) => sum + count, 0);
  const cached = () => upload(device, numBlocks, blockSize, numKvHeads, HEAD_SIZE);
  const cache = attention.wrapKvCache({ key: await cached(), value: await cached() });
  const tokens = queryLengths.reduce((sum, length) => sum + length, 0);
  const batch = createBatch(device, {
    maxSequences: queryLengths.length,
    maxTokens: tokens,
    maxBlocksPerSequence: Math.max(...blocks),
  });
  const queryStartLoc = [0];
  for (const length of queryLengths) queryStartLoc.push(queryStartLoc.at(-1) + length);
  let next = 0;
  // 7 and the number of blocks, a power of two, have no common divisor.
  const blockTable = blocks.map((count) => Array.from({ length: count }, () => (7 * next++) % numBlocks));
  batch.update({ queryStartLoc, seqLens: keyLengths, blockTable });
  const query = await upload(device, tokens, numHeads, HEAD_SIZE);
  const output = device.empty(query.shape, "bfloat16");
  return () => attention.forward({ query, output, cache, batch });
}

/**
 * A launch of a kernel that takes `bytes` bytes of arguments, which stand by their offset: pointers, integers, and other
 * numbers as floats.
 */
function launcher(device, { path, symbol }, bytes, arguments_) {
  const view = new DataView(new ArrayBuffer(bytes));
  for (const [offset, value] of arguments_) {
    if (typeof value === "bigint") view.setBigUint64(offset, value, true);
    else if (Number.isInteger(value)) view.setInt32(offset, value, true);
    else view.setFloat32(offset, value, true);
  }
  const kernel = device.loadModule(readFileSync(path)).kernel(symbol);
  return (grid, block) =>
    device.defaultStream.launch(kernel, { grid, block, kernargs: new Uint8Array(view.buffer) });
}

/** A kernel by its id, those that only tests and benchmarks run among them. */
function kernelNamed(id) {
  for (const manifest of [testManifest(ARCH), `build/kernels/${ARCH}/manifest.json`]) {
    const path = join(root, manifest);
    if (!existsSync(path)) throw new Error("CK's and AITER's kernels are not at hand (npm test builds them)");
    const row = JSON.parse(readFileSync(path, "utf8")).kernels.find((row) => row.id === id);
    if (row !== undefined) return { path: join(dirname(path), row.file), symbol: row.symbol };
  }
  throw new Error(`there is no kernel ${id}`);
}

/** CK-tile's forward kernel, a batch of one sequence: 4 query heads, 2 KV heads. */
async function ckForward(device, length) {
  const [heads, kvHeads, queryTile] = [4, 2, 128];
  const query = await upload(device, length, heads, HEAD_SIZE);
  const key = await upload(device, length, kvHeads, HEAD_SIZE);
  const value = await upload(device, length, kvHeads, HEAD_SIZE);
  const output = device.empty(query.shape, "bfloat16");
  const starts = await device.upload(Int32Array.of(0, length), { shape: [2], dtype: "int32" });
  const [row, kvRow] = [heads * HEAD_SIZE, kvHeads * HEAD_SIZE];
  const integers = (offset, values) => values.map((value, index) => [offset + 4 * index, value]);
  const launch = launcher(device, kernelNamed("ck.fmha_forward.bfloat16.d128"), 160, [
    ...[query, key, value, output].map(({ pointer }, index) => [8 * index, pointer]),
    ...integers(40, [HEAD_SIZE, HEAD_SIZE, heads, heads / kvHeads]),
    [56, Math.LOG2E * HEAD_SIZE ** -0.5],
    ...integers(60, [row, kvRow, kvRow, row, ...Array(4).fill(HEAD_SIZE)]),
    // The window of a causal mask, which is aligned to the last key.
    ...integers(96, [-1, 0, 2]),
    ...[112, 120].map((offset) => [offset, starts.pointer]),
  ]);
  return keeping([output, query, key, value, starts], () => launch([heads, length / queryTile, 1], 256));
}

/** The path of a code object of AITER's wheel. */
function aiterObject(file) {
  const path = join(aiterObjects(ARCH), file);
  if (!existsSync(path)) throw new Error("AITER's code objects are not at hand (npm test fetches them)");
  return path;
}

/** fmha_v3, batch of one: 4 query heads, 2 KV heads. */
async function aiterForward(device, length) {
  const [heads, kvHeads, batch] = [4, 2, 1];
  const query = await upload(device, batch, length, heads, HEAD_SIZE);
  const [key, value] = [
    await upload(device, batch, length, kvHeads, HEAD_SIZE),
    await upload(device, batch, length, kvHeads, HEAD_SIZE),
  ];
  const output = device.empty(query.shape, "bfloat16");
  const lse = device.empty([batch, heads, length], "float32");
  const [head, row, kvRow] = [2 * HEAD_SIZE, 2 * heads * HEAD_SIZE, 2 * kvHeads * HEAD_SIZE];
  const queryTile = 256;
  const launch = launcher(
    device,
    {
      path: aiterObject("fmha_v3_fwd/MI300/fwd_hd128_bf16_causal_rtne.co"),
      symbol: "_ZN5aiter31fmha_fwd_hd128_bf16_causal_rtneE",
    },
    512,
    [
      ...[output, query, key, value, lse].map(({ pointer }, index) => [16 * index, pointer]),
      ...[
        [80, HEAD_SIZE ** -0.5],
        [96, length],
        [112, row],
        [128, queryTile * row],
        [144, head],
        [160, length * row],
      ],
      ...[
        [176, heads / kvHeads],
        [192, kvRow],
        [208, head],
        [224, length * kvRow],
        [240, 3],
        [256, 1],
        [272, length],
      ],
      ...[
        [288, HEAD_SIZE],
        [304, HEAD_SIZE],
        [320, heads],
        [336, kvRow],
        [352, head],
        [368, length * kvRow],
      ],
      ...[
        [384, row],
        [400, head],
        [416, length * row],
        [464, 4 * length],
      ],
    ],
  );
  // Causal: a workgroup takes a tile and its mirror image.
  return keeping([output, query, key, value, lse], () =>
    launch([Math.ceil(length / queryTile / 2), heads, batch], 512),
  );
}

/** pa, block size 16: 16 query heads, 2 KV heads; K [blocks, heads, 16, 16, 8], V [blocks, heads, 2, 128, 8]. */
async function aiterPagedDecode(device, sequences, length) {
  const [group, kvHeads, blockSize, vector_] = [8, 2, 16, 8];
  const heads = group * kvHeads;
  const perSequence = length / blockSize;
  const blocks = sequences * perSequence;
  const query = await upload(device, sequences, heads, HEAD_SIZE);
  const key = await upload(device, blocks, kvHeads, HEAD_SIZE / vector_, blockSize, vector_);
  const value = await upload(device, blocks, kvHeads, blockSize / vector_, HEAD_SIZE, vector_);
  const output = device.empty(query.shape, "bfloat16");
  const table = Int32Array.from({ length: blocks }, (_, index) => (7 * index) % blocks);
  const blockTable = await device.upload(table, { shape: [sequences, perSequence], dtype: "int32" });
  const lengths = await device.upload(new Int32Array(sequences).fill(length), {
    shape: [sequences],
    dtype: "int32",
  });
  const launch = launcher(device, kernelNamed("aiter.paged_decode.bfloat16.auto.g8"), 256, [
    ...[output, query, key, value, blockTable, lengths].map(({ pointer }, index) => [16 * index, pointer]),
    ...[
      [128, Math.LOG2E * HEAD_SIZE ** -0.5],
      [144, perSequence],
      [160, kvHeads],
      [176, 2 * heads * HEAD_SIZE],
    ],
    ...[
      [192, 2 * kvHeads * HEAD_SIZE * blockSize],
      [208, 2 * HEAD_SIZE * blockSize],
      [224, group],
    ],
  ]);
  return keeping([output, query, key, value, blockTable, lengths], () =>
    launch([kvHeads, sequences, 1], 256),
  );
}

/** A kernel of kernels.cpp: its inputs' lengths, and an output as long as the first. */
async function vector(device, symbol, lengths) {
  const kernel = device.loadModule(compiled()).kernel(symbol);
  const tensors = [];
  for (const length of lengths) {
    const values = Float32Array.from({ length }, (_, index) => Math.sin(index));
    tensors.push(await device.upload(values, { shape: [length], dtype: "float32" }));
  }
  tensors.push(device.empty([lengths[0]], "float32"));
  const kernargs = new Uint8Array(BigUint64Array.from(tensors, ({ pointer }) => pointer).buffer);
  return keeping(tensors, () =>
    device.defaultStream.launch(kernel, { grid: [lengths[0] / 256], block: 256, kernargs }),
  );
}

function compiled() {
  const compiler = findProgram("clang++-22");
  if (compiler === undefined) throw new Error("there is no clang++ for AMD GPUs (clang++-22)");
  const source = fileURLToPath(new URL("kernels.cpp", import.meta.url));
  const target = ["--target=amdgcn-amd-amdhsa", `-mcpu=${ARCH}`, "-mcode-object-version=5", "-nogpulib"];
  const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
  const object = join(folder, "kernels.co");
  try {
    execFileSync(compiler, ["-x", "c++", "-std=c++17", "-O3", ...target, source, "-o", object]);
    return readFileSync(object);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
