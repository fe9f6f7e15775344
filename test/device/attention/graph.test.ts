import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createAttention, createBatch, Device, type Graph } from "../../../lib/index.js";
import { capabilitiesOf } from "../../../lib/selection/registry.js";
import { BACKENDS, BATCH_INVARIANT, type BackendUnderTest, hasLse } from "../../support/backends.js";
import { coded } from "../../support/coded.js";
import { batchInput, pagedData } from "../../support/paged-data.js";
import { attend, isAccurate, type Lengths, lseError, round, rowErrors } from "../../support/reference.js";

const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
afterAll(() => device.close());

const SHAPE = { numHeads: 8, numKvHeads: 2, headSize: 64, blockSize: 16 };
const LIMITS = { maxSequences: 6, maxTokens: 24, maxBlocksPerSequence: 20, blockSize: 16 };
const NUM_BLOCKS = 125;
const DTYPE = "bfloat16";
const UNTOUCHED = 0x7fff; // a NaN

/** An attention whose forward is captured once, and then launched for any step. */
class Captured {
  readonly attention;
  readonly cache;
  readonly batch = createBatch(device, LIMITS);
  readonly stream = device.createStream();
  readonly query = device.empty([LIMITS.maxTokens, SHAPE.numHeads, SHAPE.headSize], DTYPE);
  readonly key = device.empty([LIMITS.maxTokens, SHAPE.numKvHeads, SHAPE.headSize], DTYPE);
  readonly value = device.empty([LIMITS.maxTokens, SHAPE.numKvHeads, SHAPE.headSize], DTYPE);
  readonly output = device.empty([LIMITS.maxTokens, SHAPE.numHeads, SHAPE.headSize], DTYPE);
  readonly lse = device.empty([LIMITS.maxTokens, SHAPE.numHeads], "float32");

  constructor(
    readonly under: BackendUnderTest,
    batchInvariant = false,
  ) {
    const { backend } = under;
    this.attention = createAttention(device, { ...SHAPE, dtype: DTYPE, batchInvariant, backend });
    this.attention.prepare(this.batch, { stream: this.stream });
    this.cache = this.attention.createKvCache({ numBlocks: NUM_BLOCKS });
  }

  forward(): void {
    const { query, key, value, output, lse, batch, stream } = this;
    const sums = hasLse(this.under) ? { lse } : {};
    this.attention.forward({ query, key, value, output, ...sums, cache: this.cache.layer(0), batch, stream });
  }

  /** Captures a forward while the batch stands at some step. */
  capture(lengths: Lengths): Graph {
    const { blockTable } = pagedData({ shape: SHAPE, dtype: DTYPE, lengths, seed: 0 }, NUM_BLOCKS);
    this.batch.update({ ...batchInput(lengths), blockTable }, { stream: this.stream });
    this.stream.beginCapture();
    this.forward();
    return this.stream.endCapture();
  }

  /** Sets up a step, lets `run` enqueue the attention, and gives its rows and whether all others stayed as they were. */
  async step(lengths: Lengths, seed: number, run: () => void): Promise<Uint16Array> {
    const { stream } = this;
    const data = pagedData({ shape: SHAPE, dtype: DTYPE, lengths, seed }, NUM_BLOCKS);
    const padded = (values: Float64Array, length: number) => {
      const bits = new Uint16Array(length).fill(UNTOUCHED);
      bits.set(round(DTYPE, values).bits as Uint16Array);
      return bits;
    };
    const rows = LIMITS.maxTokens * SHAPE.headSize;
    await Promise.all([
      this.cache.memory(0).write(data.image(this.under.layout), { stream }),
      this.query.write(padded(data.step.query, rows * SHAPE.numHeads), { stream }),
      this.key.write(padded(data.newKeys, rows * SHAPE.numKvHeads), { stream }),
      this.value.write(padded(data.newValues, rows * SHAPE.numKvHeads), { stream }),
      this.output.write(padded(new Float64Array(0), rows * SHAPE.numHeads), { stream }),
      this.lse.write(new Float32Array(LIMITS.maxTokens * SHAPE.numHeads).fill(7), { stream }),
    ]);
    this.batch.update({ ...batchInput(lengths), blockTable: data.blockTable }, { stream });
    run();
    const [numbers, bits, sums] = await Promise.all([
      this.output.readFloat32({ stream }),
      this.output.read({ stream }),
      this.lse.readFloat32({ stream }),
    ]);
    const { output, lse } = attend(data.step);
    const errors = rowErrors(numbers, output, SHAPE.headSize);
    if (!isAccurate(errors, DTYPE)) throw new Error(`inaccurate: ${JSON.stringify(errors)}`);
    const written = hasLse(this.under) ? lse.length : 0;
    expect(lseError(sums, lse.subarray(0, written))).toBeLessThan(5e-3);
    const padding = (bits as Uint16Array).subarray(output.length);
    expect(padding.every((value) => value === UNTOUCHED)).toBe(true);
    expect(sums.subarray(written).every((value) => value === 7)).toBe(true);
    return (bits as Uint16Array).subarray(0, output.length);
  }
}

/** Steps within the limits: at most 6 sequences and 24 tokens, lengths up to 320. */
const steps = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.constantFrom(1, 1, 1, 0, 2, 5, 12)), { maxLength: 6 })
  .filter((lengths) => lengths.reduce((sum, [, query]) => sum + query, 0) <= LIMITS.maxTokens);

/** Those whose graphs serve any step, not decodes alone. */
const CAPTURED = BACKENDS.filter(({ backend }) => capabilitiesOf(backend)!.graphs === "always");

describe.each(CAPTURED)("a captured forward of $backend", (under) => {
  it("serves every step that its batch admits, whatever step it was captured at", async () => {
    for (const at of [
      [[9, 1]],
      [
        [300, 5],
        [0, 1],
      ],
      [[0, 0]],
    ] as Lengths[]) {
      const captured = new Captured(under);
      const graph = captured.capture(at);
      await fc.assert(
        fc.asyncProperty(steps, fc.nat(2 ** 31), async (lengths, seed) => {
          await captured.step(lengths, seed, () => graph.launch(captured.stream));
        }),
        { numRuns: 4 },
      );
    }
  });

  if (BATCH_INVARIANT.includes(under))
    it("gives the bits of an uncaptured one where it is batch-invariant", async () => {
      const captured = new Captured(under, true);
      const graph = captured.capture([[9, 1]]);
      for (const lengths of [
        [
          [300, 1],
          [3, 1],
        ],
        [
          [40, 7],
          [270, 1],
          [0, 3],
        ],
      ] as Lengths[]) {
        const replayed = await captured.step(lengths, 5, () => graph.launch(captured.stream));
        const eager = await captured.step(lengths, 5, () => captured.forward());
        expect(replayed).toEqual(eager);
      }
    });

  it("has workspace of its own, which ends with its graph", async () => {
    const captured = new Captured(under);
    const workspace = () => device.memory().byCategory.workspace;
    const before = workspace();
    const graphs = [captured.capture([[9, 1]]), captured.capture([[9, 1]])];
    const one = (workspace() - before) / 2;
    expect(one).toBeGreaterThan(0);
    captured.batch.update({ ...batchInput([[300, 1]]), blockTable: [pagedBlocks(19)] });
    captured.forward();
    captured.forward();
    expect(workspace() - before).toBe(2 * one); // the stream's was there from prepare() on
    for (const graph of graphs) graph.dispose();
    expect(workspace()).toBe(before);
    captured.attention.dispose();
    expect(workspace()).toBe(before - one);
  });

  it("leaves nothing behind of a hundred captures", () => {
    const captured = new Captured(under);
    const before = device.memory();
    for (let turn = 0; turn < 100; turn++) captured.capture([[9, 1]]).dispose();
    expect(device.memory().byCategory).toEqual(before.byCategory);
    // Nor the block limits of their caches.
    const blockTable = [[NUM_BLOCKS + 7]];
    captured.batch.update({ ...batchInput([[9, 1]]), blockTable });
    captured.attention.dispose();
  });

  it("is for attentions that have prepared the batch", () => {
    const { attention, batch, stream, query, output, cache } = new Captured(under);
    const fresh = createBatch(device, LIMITS);
    fresh.update({ ...batchInput([[9, 1]]), blockTable: [[0]] });
    stream.beginCapture();
    expect(() => attention.forward({ query, output, cache: cache.layer(0), batch: fresh, stream })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "prepare\\(batch\\)"),
    );
    stream.endCapture().dispose();
    fresh.dispose();
    batch.dispose();
  });

  it("asks for tensors and a batch that fit every step", () => {
    const captured = new Captured(under);
    const { attention, batch, stream, key, value, output, cache } = captured;
    const query = captured.query.view({ shape: [LIMITS.maxTokens - 1, SHAPE.numHeads, SHAPE.headSize] });
    const forward = (tensor = captured.query) =>
      attention.forward({ query: tensor, key, value, output, cache: cache.layer(0), batch, stream });
    stream.beginCapture();
    expect(() => forward()).toThrow(coded("ERR_INVALID_ARGUMENT", "update.* for batch"));
    batch.update({ ...batchInput([[250, 1]]), blockTable: [pagedBlocks(16, NUM_BLOCKS)] });
    expect(() => forward(query)).toThrow(
      coded("ERR_INVALID_ARGUMENT", `tokens >= ${LIMITS.maxTokens}`, "for query"),
    );
    batch.update({ ...batchInput([[20, 1]]), blockTable: [[0, 1]] });
    forward();
    const graph = stream.endCapture();
    // Whatever comes while the graph lives must lie in that cache.
    expect(() => batch.update({ ...batchInput([[20, 1]]), blockTable: [[0, NUM_BLOCKS]] })).toThrow(
      coded("ERR_INVALID_ARGUMENT", `0 to ${NUM_BLOCKS - 1}`, "blockTable\\[0\\]\\[1\\]"),
    );
    expect(() =>
      batch.update({ ...batchInput([[20, 1]]), blockTable: [[0, 1]], slotMapping: [NUM_BLOCKS * 16] }),
    ).toThrow(coded("ERR_INVALID_ARGUMENT", `-1 and ${NUM_BLOCKS * 16 - 1}`, "slotMapping\\[0\\]"));
    graph.dispose();
    batch.update({ ...batchInput([[20, 1]]), blockTable: [[0, NUM_BLOCKS]] });
  });
});

/** `count` block ids from `first` on. */
function pagedBlocks(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

describe.each(BATCH_INVARIANT)("a graph of a whole decode step of $backend", ({ backend }) => {
  it("gives the bits of the same layers enqueued one by one, at every step", async () => {
    const layers = 3;
    const [sequences, steps] = [4, 5];
    const limits = {
      maxSequences: sequences,
      maxTokens: sequences,
      maxBlocksPerSequence: 20,
      maxQueryLen: 1,
    };
    const attention = createAttention(device, { ...SHAPE, dtype: DTYPE, batchInvariant: true, backend });
    const values = (length: number, seed: number) =>
      Float32Array.from({ length }, (_, i) => Math.sin(seed + 0.7 * i));

    /** A model whose every layer attends with the output of the layer before; its tensors and its step. */
    async function model(seed: number) {
      const batch = createBatch(device, limits);
      const stream = device.createStream();
      attention.prepare(batch, { stream });
      const cache = attention.createKvCache({ numBlocks: sequences * 20, layers });
      const rows = (heads: number) => device.zeros([sequences, heads, SHAPE.headSize], DTYPE, { stream });
      const hidden = Array.from({ length: layers + 1 }, () => rows(SHAPE.numHeads));
      const keys = Array.from({ length: layers }, () => rows(SHAPE.numKvHeads));
      const size = sequences * SHAPE.numKvHeads * SHAPE.headSize;
      for (const [layer, key] of keys.entries()) await key.write(values(size, seed + layer), { stream });
      return {
        ...{ batch, stream, input: hidden[0]!, output: hidden[layers]! },
        run() {
          for (const [layer, key] of keys.entries()) {
            const [query, output] = [hidden[layer]!, hidden[layer + 1]!];
            const call = { query, key, value: key, output, cache: cache.layer(layer), batch, stream };
            attention.forward(call);
          }
        },
      };
    }

    const [eager, captured] = [await model(1), await model(1)];
    const blockTable = Array.from({ length: sequences }, (_, s) =>
      Int32Array.from({ length: 20 }, (_, block) => sequences * block + s),
    );
    const stepOf = (step: number) => {
      const live = step === 3 ? sequences - 1 : sequences; // one sequence ends, another comes
      const lengths = [1, 16, 40, 300].slice(0, live).map((length) => length + step);
      const queryStartLoc = Array.from({ length: live + 1 }, (_, s) => s);
      return { queryStartLoc, seqLens: lengths, blockTable: blockTable.slice(0, live) };
    };
    captured.batch.update(stepOf(0), { stream: captured.stream });
    captured.stream.beginCapture();
    captured.run();
    using graph = captured.stream.endCapture();
    const seen = new Set<string>();
    for (let step = 0; step < steps; step++) {
      const input = values(sequences * SHAPE.numHeads * SHAPE.headSize, 10 * step);
      const outputs = [];
      for (const { batch, stream, input: tensor, output, run } of [eager, captured]) {
        await tensor.write(input, { stream });
        batch.update(stepOf(step), { stream });
        if (batch === captured.batch) graph.launch(stream);
        else run();
        outputs.push(Buffer.from((await output.read({ stream })).buffer));
      }
      const live = stepOf(step).seqLens.length * SHAPE.numHeads * SHAPE.headSize * 2;
      const [one, other] = outputs.map((bytes) => bytes.subarray(0, live).toString("hex"));
      expect(other).toBe(one);
      seen.add(one!);
    }
    expect(seen.size).toBe(steps);
  });
});
