import { afterEach, describe, expect, it } from "vitest";
import type { Device } from "../../../lib/device/device.js";
import type { Tensor } from "../../../lib/device/tensor.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { attend, isAccurate, type Lengths, Random, round, rowErrors } from "../../support/reference.js";
import { noTestKernels, testKernel } from "../../support/test-kernels.js";
import { setWaveOrder, WAVE_ORDERS, type WaveOrder } from "../../support/wave-order.js";

// The attention kernels of CK-tile and AITER's paged decode, as kernels/ck and kernels/aiter instantiate them: what they
// compute on the emulator, against float64. Where the arguments lie is what those sources check.

const targets = ["gfx942", "gfx950", "gfx90a"] as const;
type Arch = (typeof targets)[number];
const cases = targets.flatMap((arch) => WAVE_ORDERS.map((order) => ({ arch, ...order })));

const SIZE = 128;
const NAN_BITS = 0x7fff;

type Argument = bigint | number | { float: number } | Tensor;

/** Kernel arguments: what follows each offset, pointers (tensors and bigint) in 8 bytes, numbers in 4. */
function kernargs(bytes: number, runs: Record<number, readonly Argument[]>): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  for (const [start, values] of Object.entries(runs)) {
    let offset = Number(start);
    for (const value of values) {
      if (typeof value === "number") view.setInt32(offset, value, true);
      else if (typeof value === "bigint") view.setBigUint64(offset, value, true);
      else if ("float" in value) view.setFloat32(offset, value.float, true);
      else view.setBigUint64(offset, value.pointer, true);
      offset += typeof value === "number" || (typeof value === "object" && "float" in value) ? 4 : 8;
    }
  }
  return new Uint8Array(view.buffer);
}

const upload = (device: Device, data: Uint16Array | Int32Array) =>
  device.upload(data, { shape: [data.length], dtype: data instanceof Int32Array ? "int32" : "bfloat16" });

/** Random sequences, their queries on the device, and what attention makes of them. */
async function sequences(device: Device, lengths: Lengths, heads: number, kvHeads: number, causal: boolean) {
  const random = (seed: number, count: number) => round("bfloat16", new Random(seed).normals(count));
  const totals = lengths.map(([context, query]) => context + query);
  const tokens = lengths.reduce((sum, [, query]) => sum + query, 0);
  const query = random(1, tokens * heads * SIZE);
  const keys = totals.map((total, s) => random(10 + s, total * kvHeads * SIZE));
  const values = totals.map((total, s) => random(20 + s, total * kvHeads * SIZE));
  const { output: expected } = attend({
    shape: { numHeads: heads, numKvHeads: kvHeads, headSize: SIZE, blockSize: 16 },
    lengths,
    query: query.values,
    keys: keys.map((x) => x.values),
    values: values.map((x) => x.values),
    scale: SIZE ** -0.5,
    attentionType: causal ? "decoder" : "encoder",
  });
  const starts = (counts: readonly number[]) =>
    Int32Array.from([
      0,
      ...counts.map((_, s) => counts.slice(0, s + 1).reduce((sum, count) => sum + count, 0)),
    ]);
  const queryLengths = lengths.map(([, length]) => length);
  return {
    ...{
      heads,
      kvHeads,
      causal,
      tokens,
      totals,
      expected,
      batch: lengths.length,
      maxQuery: Math.max(...queryLengths),
    },
    keys: keys.map(({ bits }) => bits as Uint16Array),
    values: values.map(({ bits }) => bits as Uint16Array),
    query: await upload(device, query.bits as Uint16Array),
    queryStarts: await upload(device, starts(queryLengths)),
    keyStarts: await upload(device, starts(totals)),
    lengths: await upload(device, Int32Array.from(totals)),
    output: device.zeros([tokens, heads, SIZE], "bfloat16"),
  };
}
type Sequences = Awaited<ReturnType<typeof sequences>>;

/** Keys and values in pages of `page` tokens, [pages, page, KV heads, head size], in random order, `unused` elsewhere. */
async function pagedCache(
  device: Device,
  { keys, values, totals, kvHeads }: Sequences,
  page: number,
  unused: number,
) {
  const row = kvHeads * SIZE;
  const counts = totals.map((total) => Math.ceil(total / page));
  const order = new Random(7).permutation(counts.reduce((sum, count) => sum + count, 0));
  const perRow = Math.max(...counts);
  const images = [keys, values].map(() => new Uint16Array(order.length * page * row).fill(unused));
  const table = new Int32Array(totals.length * perRow);
  const slots: number[][] = totals.map(() => []);
  for (const [s, total] of totals.entries()) {
    for (let token = 0; token < total; token++) {
      if (token % page === 0) table[s * perRow + token / page] = order.pop()!;
      const slot = table[s * perRow + Math.floor(token / page)]! * page + (token % page);
      slots[s]!.push(slot);
      for (const [i, source] of [keys, values].entries()) {
        images[i]!.set(source[s]!.subarray(token * row, (token + 1) * row), slot * row);
      }
    }
  }
  const [key, value] = [await upload(device, images[0]!), await upload(device, images[1]!)];
  return { key, value, table: await upload(device, table), perRow, slots, pageElements: page * row };
}

/** CK-tile's window and mask: none, or one whose corner is the last query's last key. */
const mask = (causal: boolean) => (causal ? [-1, 0, 2] : [-1, -1, 0]);
const scale = { float: Math.LOG2E * SIZE ** -0.5 };

/** What most of CK-tile's kernels take first. Lengths follow from where the sequences begin. */
function common({ query, output, heads, kvHeads }: Sequences, key: Tensor, value: Tensor) {
  return { 0: [query, key, value, output], 32: [0, 0, SIZE, SIZE, heads, heads / kvHeads] };
}
/** Strides of tokens and of heads, of Q, K, V and the output. */
const strides = ({ heads, kvHeads }: Sequences) => [
  ...[heads * SIZE, kvHeads * SIZE, kvHeads * SIZE, heads * SIZE],
  ...[SIZE, SIZE, SIZE, SIZE],
];

async function expectAccurate({ output, expected }: Sequences): Promise<void> {
  const errors = rowErrors(await output.readFloat32(), expected, SIZE);
  expect(isAccurate(errors, "bfloat16"), JSON.stringify(errors)).toBe(true);
}

/** Launches a kernel of bfloat16 and head size 128 by the rest of its id. */
function launcher(device: Device, arch: Arch) {
  return (name: string, launch: { grid: number[]; block?: number; kernargs: Uint8Array }): void => {
    const [kernel, ...variant] = name.split(" ");
    const { code, symbol } = testKernel(arch, [kernel, "bfloat16.d128", ...variant].join("."));
    device.defaultStream.launch(device.loadModule(code).kernel(symbol), { block: 256, ...launch });
  };
}

const opened: Device[] = [];
function open(arch: Arch, order: WaveOrder) {
  setWaveOrder(order);
  const device = openTestDevice({ emulate: arch });
  opened.push(device);
  return { device, launch: launcher(device, arch) };
}

afterEach(async () => {
  setWaveOrder();
  await Promise.all(opened.splice(0).map((device) => device.close()));
});

/** Fewer queries than a tile, more than one, and a single one: the context and the queries of each. */
const RAGGED: Lengths = [
  [38, 37],
  [70, 130],
  [140, 1],
];

describe.skipIf(noTestKernels || onGpu)("CK's forward kernel", () => {
  it.each(cases.flatMap((each) => [true, false].map((causal) => ({ ...each, causal }))))(
    "$arch, $delivery, $schedule, causal: $causal",
    async ({ arch, causal, ...order }) => {
      const { device, launch } = open(arch, order);
      const batch = await sequences(device, RAGGED, 4, 2, causal);
      const flat = (parts: readonly Uint16Array[]) => Uint16Array.from(parts.flatMap((part) => [...part]));
      const [key, value] = [await upload(device, flat(batch.keys)), await upload(device, flat(batch.values))];
      launch("ck.fmha_forward", {
        grid: [batch.heads, Math.ceil(batch.maxQuery / 128), batch.batch],
        kernargs: kernargs(160, {
          ...common(batch, key, value),
          56: [scale, ...strides(batch)],
          96: mask(causal),
          112: [batch.queryStarts, batch.keyStarts],
        }),
      });
      await expectAccurate(batch);
    },
  );
});

describe.skipIf(noTestKernels || onGpu)("CK's paged kernel, with NaN in unused slots", () => {
  const variants = [
    { keys: 16, rows: 64, page: 16 },
    { keys: 16, rows: 64, page: 48 },
    { keys: 128, rows: 128, page: 128 },
  ];
  it.each(cases.flatMap((each) => variants.map((variant) => ({ ...each, ...variant }))))(
    "$arch, $delivery, $schedule, $keys keys at a time, pages of $page",
    async ({ arch, keys, rows, page, ...order }) => {
      const { device, launch } = open(arch, order);
      const batch = await sequences(device, RAGGED, 4, 2, true);
      const { key, value, table, perRow, pageElements } = await pagedCache(device, batch, page, NAN_BITS);
      launch(`ck.fmha_forward_paged n${keys}`, {
        grid: [batch.heads, batch.batch, Math.ceil(batch.maxQuery / rows)],
        kernargs: kernargs(168, {
          ...common(batch, key, value),
          56: [scale, ...strides(batch)],
          96: mask(true),
          112: [table, perRow, page],
          136: [batch.queryStarts, batch.keyStarts, batch.lengths, pageElements, pageElements],
        }),
      });
      await expectAccurate(batch);
    },
  );
});

describe.skipIf(noTestKernels || onGpu)("CK's split and combine kernels, with NaN in unused slots", () => {
  it.each(cases.flatMap((each) => [1, 3].map((splits) => ({ ...each, splits }))))(
    "$arch, $delivery, $schedule, splits: $splits",
    async ({ arch, splits, ...order }) => {
      const { device, launch } = open(arch, order);
      const [heads, kvHeads, page] = [4, 2, 128];
      const batch = await sequences(
        device,
        [
          [399, 1],
          [80, 70],
          [0, 5],
        ],
        heads,
        kvHeads,
        true,
      );
      const { key, value, table, perRow, pageElements } = await pagedCache(device, batch, page, NAN_BITS);
      const { tokens, queryStarts } = batch;
      const sums = device.zeros([splits, heads, tokens], "float32");
      const partial = device.zeros([splits, heads, tokens, SIZE], "float32");
      launch("ck.fmha_forward_split", {
        grid: [Math.ceil(batch.maxQuery / 64) * splits, heads, batch.batch],
        kernargs: kernargs(192, {
          0: [batch.query, key, value, sums, partial],
          40: [batch.batch, 0, 0, SIZE, SIZE, heads, heads / kvHeads, splits, scale],
          76: [heads * SIZE, kvHeads * SIZE, kvHeads * SIZE, SIZE],
          92: [SIZE, SIZE, SIZE, tokens, tokens * SIZE],
          112: [heads * tokens, heads * tokens * SIZE],
          120: mask(true),
          136: [table, perRow, page],
          160: [queryStarts, batch.keyStarts, batch.lengths, pageElements, pageElements],
        }),
      });
      launch("ck.fmha_combine", {
        grid: [Math.ceil(batch.maxQuery / 8) * (SIZE / 32), heads, batch.batch],
        kernargs: kernargs(80, {
          0: [sums, partial, batch.output],
          24: [batch.batch, 0, SIZE, splits],
          40: [SIZE, heads * SIZE],
          48: [tokens, tokens * SIZE, SIZE],
          60: [heads * tokens, heads * tokens * SIZE],
          72: [queryStarts],
        }),
      });
      await expectAccurate(batch);
    },
  );
});

describe.skipIf(noTestKernels || onGpu)("CK's batch prefill kernel", () => {
  it.each(cases)("$arch, $delivery, $schedule", async ({ arch, ...order }) => {
    const { device, launch } = open(arch, order);
    const batch = await sequences(device, RAGGED, 4, 2, true);
    const { key, value, slots } = await pagedCache(device, batch, 1, 0);
    // Indices are read up to two tiles of keys behind the last one, and what they name has to be finite.
    const indices = Int32Array.from([...slots.flat(), ...new Array(256).fill(0)]);
    launch("ck.fmha_batch_prefill", {
      grid: [batch.heads, batch.batch, Math.ceil(batch.maxQuery / 128)],
      kernargs: kernargs(152, {
        ...common(batch, key, value),
        56: [slots.flat().length],
        64: [batch.keyStarts, await upload(device, indices), scale, ...strides(batch)],
        120: mask(true),
        136: [batch.queryStarts],
      }),
    });
    await expectAccurate(batch);
  });
});

describe.skipIf(noTestKernels || onGpu)("AITER's paged decode in C++", () => {
  it.each(cases)("$arch, $delivery, $schedule", async ({ arch, ...order }) => {
    const { device, launch } = open(arch, order);
    const [heads, kvHeads, page, partition] = [16, 2, 16, 256];
    const batch = await sequences(
      device,
      [
        [0, 1],
        [15, 1],
        [16, 1],
        [599, 1],
      ],
      heads,
      kvHeads,
      true,
    );
    const { key, value, table, perRow, pageElements } = await pagedCache(device, batch, page, 0);
    const partitions = Math.ceil(Math.max(...batch.totals) / partition);
    const rows = batch.batch * heads;
    const [sums, maxima] = [1, 2].map(() => device.zeros([rows, partitions], "float32")) as [Tensor, Tensor];
    const partial = device.zeros([rows, partitions, SIZE], "bfloat16");
    launch("aiter.paged_attention_split", {
      grid: [batch.batch, partitions, kvHeads],
      kernargs: kernargs(160, {
        0: [batch.query, key, value, { float: SIZE ** -0.5 }],
        32: [table, 0n, batch.lengths, perRow],
        72: [heads * SIZE, pageElements, SIZE, kvHeads * SIZE],
        88: [sums, maxima, partial],
      }),
    });
    launch("aiter.paged_attention_reduce", {
      grid: [heads, batch.batch, 1],
      block: SIZE,
      kernargs: kernargs(64, {
        0: [batch.output, sums, maxima, partial, 0n, batch.lengths, partitions],
      }),
    });
    await expectAccurate(batch);
  });
});
