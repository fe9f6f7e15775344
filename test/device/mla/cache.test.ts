import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { fp8Encoding } from "../../../lib/catalog/targets.js";
import {
  concatAndCacheMla,
  createMlaAttention,
  gatherMlaCache,
  type MlaAttention,
} from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { HIP_TEST_DEVICES } from "../../support/hip-kernels.js";
import { noMlaKernels } from "../../support/mla-case.js";
import { Random, round } from "../../support/reference.js";
import { testsAll } from "../../support/tests-all.js";

const [RANK, ROPE] = [512, 64];
const WIDTH = RANK + ROPE;
const NUM_BLOCKS = 5;
/** What the cache and the rows hold before. */
const UNTOUCHED = 3;
/** By so many elements rows of latents are apart. */
const STRIDE = RANK + 8;

describe.each(HIP_TEST_DEVICES)("a latent cache on $name", ({ open }) => {
  const device = open();
  afterAll(() => device.close());
  const fp8 = fp8Encoding(device.info.arch);
  const dtypes = device.info.arch === "gfx942" ? (["bfloat16", "float16"] as const) : (["bfloat16"] as const);
  const isAiter = !(noMlaKernels("ROCM_AITER_MLA") || device.info.arch === "gfx90a");

  const attentions = new Map<string, MlaAttention>();
  function attentionOf(dtype: "bfloat16" | "float16", blockSize: number, kvCacheDtype: "auto" | "fp8") {
    const key = `${dtype} ${blockSize} ${kvCacheDtype}`;
    const backend = blockSize < 16 ? "ROCM_AITER_MLA" : "TRITON_MLA";
    const config = { numHeads: 16, kvLoraRank: RANK, dtype, blockSize, kvCacheDtype, backend, env: {} };
    if (!attentions.has(key)) attentions.set(key, createMlaAttention(device, config));
    return attentions.get(key)!;
  }

  const kinds = dtypes.flatMap((dtype) =>
    [false, ...(fp8 === null ? [] : [true])].map((isFp8) => ({ dtype, isFp8 })),
  );
  it.each(kinds)(
    "takes tokens in the slots that it has, and gives ranges of them back: %o",
    async ({ dtype, isFp8 }) => {
      const drawn = fc.record({
        blockSize: fc.constantFrom(...(isAiter && dtype === "bfloat16" ? [1, 16, 17] : [16, 17])),
        scale: fc.constantFrom(0.03, 1, 7),
        inMemory: fc.boolean(),
        seed: fc.nat(2 ** 31),
        // Of each sequence its blocks, of which the cache does not have some, and a range of positions.
        sequences: fc.array(
          fc.tuple(
            fc.array(fc.integer({ min: -1, max: NUM_BLOCKS }), { minLength: 3, maxLength: 3 }),
            fc.nat(100),
            fc.nat(100),
          ),
          { minLength: 1, maxLength: 4 },
        ),
      });
      const property = fc.asyncProperty(drawn, async ({ blockSize, inMemory, seed, sequences, ...given }) => {
        const scale = isFp8 ? given.scale : null;
        const stored = scale === null ? dtype : fp8!;
        const factor = Math.fround(scale ?? 1);
        const attention = attentionOf(dtype, blockSize, scale === null ? "auto" : "fp8");
        using cache = attention.createKvCache({ numBlocks: NUM_BLOCKS });
        const layer = cache.layer(0);
        const { tensor } = layer.part("latent");
        const slots = NUM_BLOCKS * blockSize;
        const image = new Float64Array(slots * WIDTH).fill(UNTOUCHED);
        await tensor.write(Float32Array.from(image));
        const random = new Random(seed);
        const tokens = slots + 2;
        const rows = round(dtype, random.normals(tokens * WIDTH, 2)).values;
        // Every second slot, twice as many at most, and slots that there are not.
        const order = random.permutation(slots).map((slot) => (slot % 2 === 0 ? slot : -1 - slot));
        const places = [...order, slots, slots + 2 ** 33];
        const upload = (values: Float32Array, shape: number[]) => device.upload(values, { shape, dtype });
        const [latent, keyRope] = [
          await upload(columns(rows, 0, RANK, STRIDE), [tokens, STRIDE]),
          await upload(columns(rows, RANK, WIDTH, ROPE), [tokens, ROPE]),
        ];
        const slotMapping = await device.upload(BigInt64Array.from(places, BigInt), {
          shape: [tokens],
          dtype: "int64",
        });
        const ofScale = await device.upload(Float32Array.of(factor), { shape: [1], dtype: "float32" });
        const kScale = scale === null ? undefined : inMemory ? ofScale : scale;
        const dense = latent.view({ shape: [tokens, RANK], strides: [STRIDE, 1] });
        concatAndCacheMla({ latent: dense, keyRope, cache: layer, slotMapping, kScale });
        for (const [token, slot] of places.entries()) {
          if (slot < 0 || slot >= slots) continue;
          const row = rows.subarray(token * WIDTH, (token + 1) * WIDTH);
          image.set(
            round(
              stored,
              row.map((x) => Math.fround(x / factor)),
            ).values,
            slot * WIDTH,
          );
        }
        expect(await tensor.readFloat32()).toEqual(Float32Array.from(image));

        const ranges = sequences.map(([blocks, a, b]) => {
          const [start, end] = [a, b].map((x) => x % (3 * blockSize + 1)).sort((x, y) => x - y) as [
            number,
            number,
          ];
          return { blocks, start, length: end - start };
        });
        const total = ranges.reduce((sum, { length }) => sum + length, 0);
        const gathered = new Float64Array((total + 1) * WIDTH).fill(UNTOUCHED);
        const rowStarts = [0];
        for (const { blocks, start, length } of ranges) {
          const first = rowStarts.at(-1)!;
          for (let i = 0; i < length; i++) {
            const block = blocks[Math.floor((start + i) / blockSize)]!;
            if (block < 0 || block >= NUM_BLOCKS) continue;
            const slot = block * blockSize + ((start + i) % blockSize);
            const row = image.subarray(slot * WIDTH, (slot + 1) * WIDTH);
            gathered.set(
              round(
                dtype,
                row.map((x) => Math.fround(x * factor)),
              ).values,
              (first + i) * WIDTH,
            );
          }
          rowStarts.push(first + length);
        }
        const int32 = (values: number[], shape: number[]) =>
          device.upload(Int32Array.from(values), { shape, dtype: "int32" });
        const before = new Float64Array((total + 1) * WIDTH).fill(UNTOUCHED);
        const into = await upload(columns(before, 0, RANK, STRIDE), [total + 1, STRIDE]);
        const intoRope = await upload(columns(before, RANK, WIDTH, ROPE), [total + 1, ROPE]);
        gatherMlaCache({
          cache: layer,
          blockTable: await int32(
            ranges.flatMap(({ blocks }) => blocks),
            [ranges.length, 3],
          ),
          starts: await int32(
            ranges.map(({ start }) => start),
            [ranges.length],
          ),
          rowStarts: await int32(rowStarts, [rowStarts.length]),
          latent: into.view({ shape: [total + 1, RANK], strides: [STRIDE, 1] }),
          keyRope: intoRope,
          kScale,
        });
        expect(await into.readFloat32()).toEqual(columns(gathered, 0, RANK, STRIDE));
        expect(await intoRope.readFloat32()).toEqual(columns(gathered, RANK, WIDTH, ROPE));
      });
      await fc.assert(property, { numRuns: testsAll ? 30 : 2 });
    },
    60_000,
  );

  it("is not written to or read by wrong arguments", async () => {
    const attention = attentionOf("bfloat16", 16, "auto");
    using cache = attention.createKvCache({ numBlocks: 1 });
    const slotMapping = await device.zeros([2], "int64");
    const [blockTable, starts, rowStarts] = await Promise.all(
      [[1, 1], [1], [2]].map((shape) => device.zeros(shape, "int32")),
    );
    const latent = await device.zeros([2, RANK], "bfloat16");
    const keyRope = await device.zeros([2, ROPE], "bfloat16");
    const written = { cache: cache.layer(0), latent, keyRope, slotMapping };
    const gathered = { cache: cache.layer(0), latent, keyRope, blockTable, starts, rowStarts };
    for (const wrong of [
      { cache: null },
      { latent: keyRope },
      { latent: await device.zeros([2, RANK], "float16") },
      { keyRope: await device.zeros([1, ROPE], "bfloat16") },
      { kScale: 2 },
      { stream: "0" },
      { vScale: 1 },
    ]) {
      const calls = [
        () => concatAndCacheMla({ ...written, ...wrong } as never),
        () => gatherMlaCache({ ...gathered, ...wrong } as never),
      ];
      for (const call of calls) expect(call).toThrow(coded("ERR_INVALID_ARGUMENT"));
    }
    expect(() => concatAndCacheMla(null as never)).toThrow(coded("ERR_INVALID_ARGUMENT"));
    expect(() => gatherMlaCache({ ...gathered, starts: rowStarts } as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT"),
    );
  });
});

/** Columns [from, to) of rows, with UNTOUCHED behind them where rows are `stride` apart. */
function columns(values: Float64Array, from: number, to: number, stride: number): Float32Array {
  const rows = values.length / WIDTH;
  const picked = new Float32Array(rows * stride).fill(UNTOUCHED);
  for (let row = 0; row < rows; row++) {
    picked.set(values.subarray(row * WIDTH + from, row * WIDTH + to), row * stride);
  }
  return picked;
}
