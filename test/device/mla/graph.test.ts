import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createBatch, createMlaAttention, type Graph } from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { openTestDevice } from "../../support/device.js";
import { isMlaAccurate, MLA_BACKENDS, mlaData, noMlaKernels } from "../../support/mla-case.js";
import { batchInput } from "../../support/paged-data.js";
import { type Lengths, round, rowErrors } from "../../support/reference.js";

const device = openTestDevice();
afterAll(() => device.close());

const [HEADS, NUM_BLOCKS, DTYPE] = [3, 70, "bfloat16"] as const;
const LIMITS = { maxSequences: 4, maxTokens: 12, maxBlocksPerSequence: 17, maxQueryLen: 8 };

/** A latent attention whose forward is captured once, and then launched for any step of decodes. */
class Captured {
  readonly attention;
  readonly cache;
  readonly batch = createBatch(device, LIMITS);
  readonly stream = device.createStream();
  readonly kvB = device.empty([HEADS * 256, 512], DTYPE);
  readonly weights;
  readonly output = device.empty([LIMITS.maxTokens, HEADS, 128], DTYPE);
  readonly lse = device.empty([LIMITS.maxTokens, HEADS], "float32");
  readonly inputs = {
    queryNope: device.empty([LIMITS.maxTokens, HEADS, 128], DTYPE),
    queryRope: device.empty([LIMITS.maxTokens, HEADS, 64], DTYPE),
    latent: device.empty([LIMITS.maxTokens, 512], DTYPE),
    keyRope: device.empty([LIMITS.maxTokens, 64], DTYPE),
  };

  constructor(
    readonly backend: string,
    /** Of an fp8 cache. */
    readonly kScale: number | undefined,
  ) {
    const kvCacheDtype = kScale === undefined ? "auto" : "fp8";
    const shape = { numHeads: HEADS, kvLoraRank: 512, dtype: DTYPE } as const;
    this.attention = createMlaAttention(device, { ...shape, kvCacheDtype, backend });
    this.cache = this.attention.createKvCache({ numBlocks: NUM_BLOCKS });
    this.weights = this.attention.prepareKvB(this.kvB);
  }

  forward(): void {
    const { attention, weights, output, lse, inputs, cache, batch, stream, kScale } = this;
    attention.forward({ ...inputs, kScale, weights, output, lse, cache: cache.layer(0), batch, stream });
  }

  capture(): Graph {
    const { batch, stream } = this;
    this.attention.prepare(batch, { stream });
    batch.update({ ...batchInput([[9, 1]]), blockTable: [[0]] }, { stream });
    stream.beginCapture();
    this.forward();
    return stream.endCapture();
  }

  /** Sets up a step, lets `run` enqueue the attention and compares its rows; all others must stay as they were. */
  async step(lengths: Lengths, seed: number, run: () => void): Promise<void> {
    const { stream, weights, inputs, cache, batch, output, lse } = this;
    const kScale = this.kScale === undefined ? undefined : ({ value: this.kScale, as: "number" } as const);
    const options = { numHeads: HEADS, blockSize: 16, dtype: DTYPE, lengths, seed, kScale };
    const data = mlaData(device.info.arch, options, NUM_BLOCKS);
    const write = (tensor: typeof output, values: Float64Array) => {
      const bits = new Uint16Array(tensor.byteLength / 2).fill(0x7fff); // NaN
      bits.set(round(DTYPE, values).bits as Uint16Array);
      return tensor.write(bits, { stream });
    };
    const tokens = data.newRows.length / 576;
    const columns = (from: number, to: number) =>
      Float64Array.from(
        Array.from({ length: tokens }, (_, t) => [
          ...data.newRows.subarray(t * 576 + from, t * 576 + to),
        ]).flat(),
      );
    await Promise.all([
      cache.layer(0).part("latent").tensor.write(data.image, { stream }),
      weights.kvB.write(round(DTYPE, data.kvB).bits, { stream }),
      write(inputs.queryNope, data.queryNope),
      write(inputs.queryRope, data.queryRope),
      write(inputs.latent, columns(0, 512)),
      write(inputs.keyRope, columns(512, 576)),
      write(output, new Float64Array(0)),
      lse.write(new Float32Array(LIMITS.maxTokens * HEADS).fill(7), { stream }),
    ]);
    batch.update({ ...batchInput(lengths), blockTable: data.blockTable }, { stream });
    run();
    const [numbers, bits, sums] = await Promise.all([
      output.readFloat32({ stream }),
      output.read({ stream }),
      lse.readFloat32({ stream }),
    ]);
    const { expected } = data;
    const errors = rowErrors(numbers, expected.output, 128);
    expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    for (const [row, value] of expected.lse.entries()) expect(sums[row]).toBeCloseTo(value, 1);
    expect((bits as Uint16Array).subarray(expected.output.length).every((x) => x === 0x7fff)).toBe(true);
    expect(sums.subarray(expected.lse.length).every((x) => x === 7)).toBe(true);
  }
}

/** Decodes of up to 8 new tokens each, among them sequences without any. */
const steps = fc
  .array(fc.tuple(fc.nat(260), fc.constantFrom(1, 1, 0, 2, 8)), { maxLength: 4 })
  .filter((lengths) => lengths.reduce((sum, [, query]) => sum + query, 0) <= LIMITS.maxTokens);

for (const [backend, kScale] of [
  ...MLA_BACKENDS.map((name) => [name] as const),
  ["ROCM_AITER_MLA", 0.03] as const,
]) {
  describe.skipIf(noMlaKernels(backend))(`a captured forward of ${backend}${kScale ? " in fp8" : ""}`, () => {
    it("serves every step of decodes that its batch admits", async () => {
      const captured = new Captured(backend, kScale);
      const graph = captured.capture();
      await fc.assert(
        fc.asyncProperty(steps, fc.nat(2 ** 31), (lengths, seed) =>
          captured.step(lengths, seed, () => graph.launch(captured.stream)),
        ),
        { numRuns: 6 },
      );
      await captured.step([[30, 2]], 5, () => captured.forward());
    });

    it("is of decodes alone", () => {
      const captured = new Captured(backend, kScale);
      const batch = createBatch(device, { ...LIMITS, maxQueryLen: 9 });
      const { attention, stream, inputs, weights, output, cache } = captured;
      attention.prepare(batch, { stream });
      batch.update({ ...batchInput([[9, 1]]), blockTable: [[0]] }, { stream });
      stream.beginCapture();
      expect(() =>
        attention.forward({ ...inputs, weights, output, cache: cache.layer(0), batch, stream }),
      ).toThrow(coded("ERR_INVALID_ARGUMENT", "maxQueryLen <= 8"));
      stream.endCapture().dispose();
    });
  });
}
