import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createAttention } from "../../dist/index.js";
import { LaunchPlan } from "../../dist/kernels/launch-plan.js";
import { AiterTritonDecode } from "../../dist/ops/aiter-triton-decode.js";
import { testManifest } from "../../scripts/setup/kernels.mjs";
import { root } from "../../scripts/setup/paths.mjs";
import { BLOCK_SIZE, HEAD_SIZE } from "./shapes.mjs";
import { batchOf, blockTable, disposeAll } from "./steps.mjs";

// AITER's decodes that no backend launches: contestants as in contestants.mjs.

const ARCH = "gfx942";

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
export const pagedAttentionV1 = aiter(
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

export const assembly = aiter(
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

/** AITER's paged decode in Triton, as the operation of this package launches it. */
export function tritonDecode(device, shape) {
  const { numHeads, numKvHeads, sequences, length, phase, cache: cacheType } = shape;
  if (shape.isLatent) throw new Error("does not attend to latents");
  if (phase !== "decode") throw new Error("serves decodes alone");
  if (numHeads === numKvHeads) throw new Error("serves KV heads with several query heads alone");
  const words = cacheType === "fp8" ? "bfloat16.d128.fp8" : "bfloat16.d128";
  const plan = (id) => {
    const { row, kernel } = kernelAndRow(device, id);
    return new LaunchPlan(kernel, row);
  };
  const attention = createAttention(device, {
    ...{ numHeads, numKvHeads, headSize: HEAD_SIZE, dtype: "bfloat16", blockSize: BLOCK_SIZE },
    ...{ backend: "TRITON_ATTN", kvCacheDtype: cacheType === "fp8" ? "fp8" : "auto" },
  });
  const plans = {
    whole: plan(`aiter.paged_decode_v1.${words}`),
    split: plan(`aiter.paged_decode_v2.${words}`),
    reductions: [2, 8, 32].map((most) => plan(`aiter.paged_decode_v2_reduce.bfloat16.d128.p${most}`)),
  };
  const decode = new AiterTritonDecode(plans, attention.config);
  const cache = attention.createKvCache({ numBlocks: (sequences * length) / BLOCK_SIZE, layers: 1 });
  const batch = batchOf(device, shape);
  const [query, output] = [1, 2].map(() => device.empty([sequences, numHeads, HEAD_SIZE], "bfloat16"));
  const layer = cache.layer(0);
  const workspace = device.empty([decode.workspaceBytes(batch.limits)], "uint8");
  const call = { query, output, lse: null, kScale: null, vScale: null, cache: layer };
  const step = decode.plan(batch.step.shape);
  return {
    enqueue: () => decode.launch(call, batch, step, 0n, workspace.pointer, device.defaultStream),
    caches: attention.kvCacheLayout.parts.map(({ name }) => layer.part(name).pointer),
    ends: [query.pointer, output.pointer],
    dispose: () => disposeAll([query, output, workspace, cache, batch, attention]),
  };
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
const kernel = (device, id) => kernelAndRow(device, id).kernel;

function kernelAndRow(device, id) {
  for (const manifest of [testManifest(ARCH), `build/kernels/${ARCH}/manifest.json`]) {
    const path = join(root, manifest);
    if (!existsSync(path)) throw new Error("AITER's kernels are not at hand (npm test builds them)");
    const row = JSON.parse(readFileSync(path, "utf8")).kernels.find((row) => row.id === id);
    if (row === undefined) continue;
    const code = readFileSync(join(dirname(path), row.file));
    return { row, kernel: device.loadModule(code).kernel(row.symbol) };
  }
  throw new Error(`there is no kernel ${id}`);
}
