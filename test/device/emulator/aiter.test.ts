import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Device } from "../../../lib/device/device.js";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import { mergedSplits, noAiter, openAiter, slots } from "../../support/aiter.js";
import { onGpu } from "../../support/device.js";
import { attend, isAccurate, Random, round, rowErrors } from "../../support/reference.js";
import { setWaveOrder, WAVE_ORDERS } from "../../support/wave-order.js";

// AITER's assembly kernels, which no compiler has made: what they compute on the emulator, against float64. The kernel
// arguments are those of aiter's csrc/py_itfs_cu/asm_*.cu and hsa/*/fmha_v3_fwd/codegen.py; each has a slot of 16 bytes.

const targets = ["gfx942", "gfx950"] as const;

const random = (seed: number, count: number) => round("bfloat16", new Random(seed).normals(count));
const bytes = (device: Device, data: Uint16Array | Int32Array) =>
  device.upload(data, { shape: [data.length], dtype: data instanceof Int32Array ? "int32" : "bfloat16" });

afterEach(() => setWaveOrder());

describe.skipIf(noAiter || onGpu).each(WAVE_ORDERS)("AITER's fmha forward, $delivery, $schedule", (order) => {
  beforeEach(() => setWaveOrder(order));

  const variants = targets.flatMap((arch) =>
    [false, true].flatMap((causal) =>
      // The rounding of P and of the result; gfx950's kernels have only one.
      (arch === "gfx950" ? [""] : ["_rtne", "_rtna", "_rtz"]).map((rounding) => ({
        title: `${arch}, ${causal ? "causal" : "not causal"}${rounding.replace("_", ", ")}`,
        arch,
        causal,
        rounding,
      })),
    ),
  );

  it.each(variants)("$title", async ({ arch, causal, rounding }) => {
    const name = `fwd_hd128_bf16${causal ? "_causal" : ""}${rounding}`;
    const { device, kernel } = openAiter(arch, name, `_ZN5aiter${name.length + 5}fmha_${name}E`);
    // The kernels of gfx950 fill LDS that other waves still read (racing-objects.test.ts).
    if (arch === "gfx950") setEmulatorOption("SCHEDULE", "turn");
    const [tokens, heads, size, tile] = [300, 2, 128, 256];
    const [query, key, value] = [1, 2, 3].map((seed, i) => random(seed, tokens * (i ? 1 : heads) * size));
    // Rows are read up to a tile behind the last one, and have to be finite there.
    const inputs = await Promise.all(
      [query, key, value].map((x) => {
        const padded = new Uint16Array(x!.bits.length + tile * size);
        padded.set(x!.bits);
        return bytes(device, padded);
      }),
    );
    const [q, k, v] = inputs.map((tensor) => tensor.pointer);
    const output = device.zeros([tokens, heads, size], "bfloat16");
    const lse = device.zeros([heads, tokens], "float32");
    const rowQ = heads * size * 2;
    const rowK = size * 2;
    const scale = size ** -0.5;
    device.defaultStream.launch(kernel, {
      grid: [Math.ceil(Math.ceil(tokens / tile) / (causal ? 2 : 1)), heads, 1],
      block: 512,
      kernargs: slots(512, [
        ...[output.pointer, q!, k!, v!, lse.pointer, { float: scale }],
        ...[tokens, rowQ, tile * rowQ, size * 2, tokens * rowQ, heads, rowK, rowK, tokens * rowK],
        // Two fewer where a causal kernel has a number of heads that 8 does not divide.
        ...[causal ? 3 : 5, 1, tokens, size, size, heads, rowK, rowK, tokens * rowK],
        ...[rowQ, size * 2, tokens * rowQ, 0n, 0n, tokens * 4],
      ]),
    });
    const expected = attend({
      shape: { numHeads: heads, numKvHeads: 1, headSize: size, blockSize: 16 },
      lengths: [[0, tokens]],
      query: query!.values,
      keys: [key!.values],
      values: [value!.values],
      scale,
      attentionType: causal ? "decoder" : "encoder",
    });
    const errors = rowErrors(await output.readFloat32(), expected.output, size);
    // Truncating rounds to half the precision.
    if (rounding === "_rtz") expect(errors.rms).toBeLessThan(8e-3);
    else expect(isAccurate(errors, "bfloat16"), JSON.stringify(errors)).toBe(true);
    const sums = await lse.readFloat32();
    for (let row = 0; row < tokens * heads; row++) {
      const [token, head] = [Math.floor(row / heads), row % heads];
      expect(sums[head * tokens + token]).toBeCloseTo(expected.lse[row]!, 2);
    }
    await device.close();
  });
});

describe.skipIf(noAiter || onGpu).each(WAVE_ORDERS)("AITER's paged decode, $delivery, $schedule", (order) => {
  beforeEach(() => setWaveOrder(order));

  it.each(targets.flatMap((arch) => [8, 16].map((group) => ({ arch, group }))))(
    "$arch, groups of $group heads",
    async ({ arch, group }) => {
      const name = `pa_bf16_noquant_gqa${group}_1tg_4w`;
      const { device, kernel } = openAiter(arch, name, `_ZN5aiter${name.length}${name}E`);
      const [kvHeads, size, blockSize] = [2, 128, 16];
      const heads = kvHeads * group;
      const lengths = [1, 16, 17, 300];
      const blocks = lengths.map((length) => Math.ceil(length / blockSize));
      const perRow = Math.max(...blocks);
      const numBlocks = blocks.reduce((a, b) => a + b, 0);
      const query = random(1, lengths.length * heads * size);
      const keys = lengths.map((length, s) => random(10 + s, length * kvHeads * size));
      const values = lengths.map((length, s) => random(20 + s, length * kvHeads * size));

      // K is [blocks, heads, size / 8, blockSize, 8], V [blocks, heads, blockSize / 8, size, 8].
      const cacheK = new Uint16Array(numBlocks * kvHeads * size * blockSize);
      const cacheV = new Uint16Array(cacheK.length);
      const table = new Int32Array(lengths.length * perRow);
      const order = new Random(7).permutation(numBlocks);
      for (const [s, length] of lengths.entries()) {
        for (let b = 0; b < blocks[s]!; b++) table[s * perRow + b] = order.pop()!;
        for (let t = 0; t < length; t++) {
          const block = table[s * perRow + Math.floor(t / blockSize)]!;
          const slot = t % blockSize;
          for (let h = 0; h < kvHeads; h++) {
            const base = (block * kvHeads + h) * size * blockSize;
            for (let i = 0; i < size; i++) {
              const from = (t * kvHeads + h) * size + i;
              cacheK[base + ((i >> 3) * blockSize + slot) * 8 + (i & 7)] = keys[s]!.bits[from]!;
              cacheV[base + ((slot >> 3) * size + i) * 8 + (slot & 7)] = values[s]!.bits[from]!;
            }
          }
        }
      }
      const tensors = [query.bits as Uint16Array, cacheK, cacheV, table, Int32Array.from(lengths)];
      const inputs = await Promise.all(tensors.map((data) => bytes(device, data)));
      const output = device.zeros([lengths.length, heads, size], "bfloat16");
      const headBytes = size * blockSize * 2;
      device.defaultStream.launch(kernel, {
        grid: [kvHeads, lengths.length, 1],
        block: 256,
        kernargs: slots(256, [
          ...[output.pointer, ...inputs.map((tensor) => tensor.pointer), 0n, 0n],
          { float: Math.LOG2E * size ** -0.5 },
          ...[perRow, kvHeads, heads * size * 2, kvHeads * headBytes, headBytes, group, 0n],
        ]),
      });
      const { output: expected } = attend({
        shape: { numHeads: heads, numKvHeads: kvHeads, headSize: size, blockSize },
        lengths: lengths.map((length) => [length - 1, 1]),
        query: query.values,
        keys: keys.map((x) => x.values),
        values: values.map((x) => x.values),
        scale: size ** -0.5,
      });
      const errors = rowErrors(await output.readFloat32(), expected, size);
      expect(isAccurate(errors, "bfloat16"), JSON.stringify(errors)).toBe(true);
      await device.close();
    },
  );
});

describe.skipIf(noAiter || onGpu).each(WAVE_ORDERS)(
  "AITER's MLA decode, first stage, $delivery, $schedule",
  (order) => {
    beforeEach(() => setWaveOrder(order));

    it.each(targets.flatMap((arch) => [1, 2].map((splits) => ({ arch, splits }))))(
      "$arch, splits: $splits",
      async ({ arch, splits }) => {
        const name = "mla_dec_stage1_bf16_a16w16_subQ16_mqa16";
        const { device, kernel } = openAiter(arch, name, `_ZN5aiter${name.length}${name}E`);
        const [heads, rank, size] = [16, 512, 576];
        const lengths = [37, 130];
        const starts = [0, 37, 167];
        const query = random(1, lengths.length * heads * size);
        const latents = lengths.map((length, s) => random(10 + s, length * size));
        const pages = Int32Array.from(new Random(3).permutation(starts.at(-1)!));
        const cache = new Uint16Array(pages.length * size);
        for (const [s, { bits }] of latents.entries()) {
          for (let t = 0; t < lengths[s]!; t++) {
            const row = bits.subarray(t * size, (t + 1) * size) as Uint16Array;
            cache.set(row, pages[starts[s]! + t]! * size);
          }
        }
        const data = [query.bits as Uint16Array, cache, Int32Array.from(starts), pages, Int32Array.of(1, 1)];
        const inputs = await Promise.all(data.map((part) => bytes(device, part)));
        const partial = device.zeros([lengths.length, splits, heads, rank], "float32");
        // Splits that are left without tokens are not written.
        const noWeights = new Float32Array(lengths.length * splits * heads).fill(Number.NEGATIVE_INFINITY);
        const lse = await device.upload(noWeights, { shape: [noWeights.length], dtype: "float32" });
        const scale = size ** -0.5;
        device.defaultStream.launch(kernel, {
          grid: [1, lengths.length, splits],
          block: 256,
          kernargs: slots(208, [
            ...[partial.pointer, lse.pointer, ...inputs.map((tensor) => tensor.pointer), { float: scale }],
            ...[heads, splits, heads * size * 2, size * 2, 0],
          ]),
        });
        const { output: expected } = attend({
          shape: { numHeads: heads, numKvHeads: 1, headSize: size, blockSize: 1 },
          lengths: lengths.map((length) => [length - 1, 1]),
          query: query.values,
          keys: latents.map((x) => x.values),
          values: latents.map((x) => x.values),
          scale,
        });
        const merged = mergedSplits(await partial.readFloat32(), await lse.readFloat32(), {
          sequences: lengths.length,
          splits,
          heads,
          rank,
        });
        const values = Float64Array.from(
          { length: merged.length },
          (_, i) => expected[Math.floor(i / rank) * size + (i % rank)]!,
        );
        const errors = rowErrors(merged, values, rank);
        expect(isAccurate(errors, "bfloat16"), JSON.stringify(errors)).toBe(true);
        await device.close();
      },
    );
  },
);
