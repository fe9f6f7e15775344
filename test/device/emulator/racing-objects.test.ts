import { afterEach, describe, expect, it } from "vitest";
import type { EmulatedArch } from "../../../lib/device/device.js";
import { mergedSplits, noAiter, openAiter, slots } from "../../support/aiter.js";
import { onGpu, setOptions } from "../../support/device.js";
import { decodeSmallFloat, encodeSmallFloat } from "../../support/float8.js";
import { attend, Random, rowErrors } from "../../support/reference.js";

// AITER's objects whose waves race: what they compute depends on how far waves get between barriers, however late loads
// into LDS take effect. On the hardware their waves advance together, as under SCHEDULE=turn.
//
// mla_a8w8_qh16_qseqlen1 (2 and 4 likewise): after a barrier a wave reads P from LDS (+0x1544) and, without another
// one, writes its next P there (+0x1644), while others may not have read yet.
//
// gfx950's causal forward (aiter.test.ts): a workgroup's second tile of queries fills LDS (+0x50c) without a barrier
// behind the first one's last reads (+0x4144).

const heads = 16;
const rank = 512;
const size = 576;
const splits = 2;
const lengths = [37, 130];

/** The relative error of MLA decode with fp8 queries and cache. */
async function errorOfMla(arch: EmulatedArch): Promise<number> {
  const name = "mla_a8w8_qh16_qseqlen1_gqaratio16";
  const format = arch === "gfx942" ? "e4m3fnuz" : "e4m3fn";
  const { device, kernel } = openAiter(arch, name, `_ZN5aiter${name.length}${name}E`);
  const codes = (seed: number, count: number) =>
    Uint8Array.from(new Random(seed).normals(count), (value) => encodeSmallFloat(format, value));
  const valuesOf = (bits: Uint8Array) => Float64Array.from(bits, (code) => decodeSmallFloat(format, code));
  const starts = [0, 37, 167];
  const query = codes(1, lengths.length * heads * size);
  const latents = lengths.map((length, s) => codes(10 + s, length * size));
  const pages = Int32Array.from(new Random(3).permutation(starts.at(-1)!));
  // Rows are read up to a tile behind the last one.
  const cache = new Uint8Array((pages.length + 64) * size);
  for (const [s, bits] of latents.entries()) {
    for (let t = 0; t < lengths[s]!; t++) {
      cache.set(bits.subarray(t * size, (t + 1) * size), pages[starts[s]! + t]! * size);
    }
  }
  const words = (...data: number[]) => Int32Array.from(data);
  const inputs = await Promise.all(
    [
      new Int32Array(query.buffer),
      new Int32Array(cache.buffer),
      ...[words(...starts), pages, words(1, 1), words(0, 1, 2), words(0, splits, 2 * splits)],
    ].map((data) => device.upload(data, { shape: [data.length], dtype: "int32" })),
  );
  const [q, kv, indptr, indices, lastLengths, queryIndptr, splitIndptr] = inputs.map(
    ({ pointer }) => pointer,
  );
  const one = await device.upload(Float32Array.of(1), { shape: [1], dtype: "float32" });
  const noWeights = new Float32Array(lengths.length * splits * heads).fill(Number.NEGATIVE_INFINITY);
  const lse = await device.upload(noWeights, { shape: [noWeights.length], dtype: "float32" });
  const partial = device.zeros([lengths.length, splits, heads, rank], "float32");
  const output = device.zeros([lengths.length, heads, rank], "bfloat16");
  const scale = size ** -0.5;
  device.defaultStream.launch(kernel, {
    grid: [1, lengths.length, splits],
    block: 256,
    kernargs: slots(288, [
      ...[partial.pointer, lse.pointer, q!, kv!, indptr!, indices!, lastLengths!, { float: scale }],
      ...[heads, splits, heads * size, size, 0, queryIndptr!, splitIndptr!, output.pointer],
      ...[one.pointer, one.pointer],
    ]),
  });
  const merged = mergedSplits(await partial.readFloat32(), await lse.readFloat32(), {
    sequences: lengths.length,
    splits,
    heads,
    rank,
  });
  await device.close();
  const { output: expected } = attend({
    shape: { numHeads: heads, numKvHeads: 1, headSize: size, blockSize: 1 },
    lengths: lengths.map((length) => [length - 1, 1]),
    query: valuesOf(query),
    keys: latents.map(valuesOf),
    values: latents.map(valuesOf),
    scale,
  });
  const values = Float64Array.from(
    { length: merged.length },
    (_, i) => expected[Math.floor(i / rank) * size + (i % rank)]!,
  );
  return rowErrors(merged, values, rank).rms;
}

afterEach(() => void setOptions({ SCHEDULE: "barrier", DELIVERY: "early" }));

describe.skipIf(noAiter || onGpu).each(["gfx942", "gfx950"] as const)(
  "AITER's MLA decode in fp8 on %s",
  (arch) => {
    it.each(["early", "late"])("is right where waves advance together, %s", async (delivery) => {
      setOptions({ SCHEDULE: "turn", DELIVERY: delivery });
      // The weights are rounded to fp8, too.
      expect(await errorOfMla(arch)).toBeLessThan(4e-2);
    });

    it.each(["early", "late"])(
      "is wrong where one wave goes ahead, however late loads are: %s",
      async (delivery) => {
        setOptions({ SCHEDULE: "barrier", DELIVERY: delivery });
        expect(await errorOfMla(arch)).toBeGreaterThan(0.5);
      },
    );
  },
);
