import { itemSize } from "../../lib/dtype.js";
import {
  type Attention,
  type AttentionConfig,
  type Batch,
  createAttention,
  createBatch,
  type Device,
  type KvCache,
  type Tensor,
} from "../../lib/index.js";
import type { LayoutName } from "../../lib/kv-cache/layouts.js";
import { BACKENDS, type BackendUnderTest } from "./backends.js";
import { layerBytes, offsetOf } from "./cache-images.js";
import {
  type AttentionShape,
  attend,
  type Expected,
  type Lengths,
  Random,
  type Rounded,
  type RowErrors,
  round,
  rowErrors,
  type Step,
} from "./reference.js";

export interface CaseOptions {
  readonly shape: AttentionShape;
  readonly dtype: "bfloat16" | "float16" | "float32";
  readonly lengths: Lengths;
  readonly seed: number;
  readonly features?: Features;
  /** KV heads whose query heads, keys and values are all NaN. */
  readonly poisoned?: readonly number[];
  /** Multiplies the queries: 4 makes softmax rows that hang on few keys. */
  readonly peak?: number;
  /** Makes all keys of a sequence equal but the first, whose score stands this many nats above the others'. */
  readonly nats?: number;
  /** Positions, by sequence, of a key that every query of it is aimed at. */
  readonly needles?: readonly (number | null)[];
  readonly batchInvariant?: boolean;
  /** Default: TRITON_ATTN. */
  readonly under?: BackendUnderTest;
  /** Changes the step that the reference attends to: a mistake that the comparison must see. */
  readonly mistake?: (step: Step) => Step;
  /** Changes what the device is told of the step: a mistake that the comparison must see. */
  readonly mutate?: (input: { seqLens: number[]; queryStartLoc: number[] }) => void;
}

/** Features of a call; slopes and sinks are drawn where wanted. */
export interface Features {
  readonly slidingWindow?: number | undefined;
  readonly logitsSoftCap?: number | undefined;
  readonly alibi?: boolean;
  readonly sinks?: boolean;
}

/** Random data of one attention call. */
export interface PagedData {
  readonly step: Step;
  readonly blockTable: number[][];
  /** A layer's memory before the call: contexts, and NaN in all other slots. */
  image(layout: LayoutName): Rounded["bits"];
  readonly numBlocks: number;
  /** The query tokens' keys and values, [tokens, numKvHeads, headSize]. */
  readonly newKeys: Float64Array;
  readonly newValues: Float64Array;
}

/** Draws the data of a call; its blocks are a permutation of a cache of `numBlocks` (default: 3 more than needed). */
export function pagedData(options: CaseOptions, numBlocks?: number): PagedData {
  const { shape, dtype, lengths, seed, peak = 1, needles = [], poisoned = [] } = options;
  const { numHeads, numKvHeads, headSize, blockSize } = shape;
  const width = numKvHeads * headSize;
  const totals = lengths.map(([context, query]) => context + query);
  // Each sequence has a stream of numbers of its own: what it holds does not depend on the others.
  const streams = lengths.map((_, s) => new Random(seed + 7919 * s));
  const rounded = (s: number, count: number) => round(dtype, streams[s]!.normals(count)).values;
  const keys = totals.map((total, s) => rounded(s, total * width));
  const values = totals.map((total, s) => rounded(s, total * width));
  const queries = lengths.flatMap(([, length], s) => [...rounded(s, length * numHeads * headSize)]);
  const query = Float64Array.from(queries, (x) => peak * x);
  aimAtNeedles(query, keys, lengths, shape, needles);
  if (options.nats !== undefined) raiseFirstKey(query, keys, shape, options.nats);
  for (const head of poisoned) {
    for (const rows of [...keys, ...values]) poison(rows, numKvHeads, headSize, head);
    const group = numHeads / numKvHeads;
    for (let h = head * group; h < (head + 1) * group; h++) poison(query, numHeads, headSize, h);
  }
  const features = drawFeatures(options);
  const step = {
    ...{ shape, lengths, query: round(dtype, query).values, keys, values, scale: headSize ** -0.5 },
    ...features,
  };

  const blocks = totals.map((total) => Math.ceil(total / blockSize));
  const size = numBlocks ?? blocks.reduce((sum, count) => sum + count, 0) + 3;
  const order = new Random(seed).permutation(size);
  const blockTable = blocks.map((count) => order.splice(0, count));
  const itemBytes = itemSize(dtype);
  const sizes = { numBlocks: size, blockSize, numKvHeads, headSize, itemBytes };
  const image = (layout: LayoutName) => {
    const elements = layerBytes(layout, sizes) / itemBytes;
    const { bits } = round(dtype, new Float64Array(elements).fill(Number.NaN));
    for (const [s, [context]] of lengths.entries()) {
      const halves = [round(dtype, keys[s]!).bits, round(dtype, values[s]!).bits];
      for (let i = 0; i < context * width; i++) {
        const position = Math.floor(i / width);
        const block = blockTable[s]![Math.floor(position / blockSize)]!;
        const head = Math.floor((i % width) / headSize);
        const place = { block, slot: position % blockSize, head, element: i % headSize };
        for (const half of [0, 1] as const) {
          bits[offsetOf(layout, sizes, { half, ...place }) / itemBytes] = halves[half]![i]!;
        }
      }
    }
    return bits;
  };
  const newRows = (source: readonly Float64Array[]) =>
    Float64Array.from(lengths.flatMap(([context], s) => [...source[s]!.subarray(context * width)]));
  return { step, blockTable, image, numBlocks: size, newKeys: newRows(keys), newValues: newRows(values) };
}

/** What `batch.update` takes for sequences of these lengths. */
export function batchInput(lengths: Lengths): { queryStartLoc: number[]; seqLens: number[] } {
  const queryStartLoc = [0];
  for (const [, length] of lengths) queryStartLoc.push(queryStartLoc.at(-1)! + length);
  return { queryStartLoc, seqLens: lengths.map(([context, query]) => context + query) };
}

/**
 * One attention call on random data: the context lies in the cache already, in permuted blocks whose unused slots (and all
 * other blocks) hold NaN; the query tokens' keys and values are written by the call.
 */
export class PagedCase implements AsyncDisposable {
  readonly expected: Expected;
  readonly #tensors: Tensor[] = [];

  private constructor(
    readonly options: CaseOptions,
    readonly attention: Attention,
    readonly batch: Batch,
    readonly cache: KvCache,
    private readonly inputs: { query: Tensor; key: Tensor; value: Tensor; sinks?: Tensor },
    expected: Expected,
  ) {
    this.expected = expected;
  }

  static async create(device: Device, options: CaseOptions): Promise<PagedCase> {
    const { shape, dtype, lengths, batchInvariant = false, under = BACKENDS[0]! } = options;
    const { numHeads, numKvHeads, headSize, blockSize } = shape;
    const { step, blockTable, image, numBlocks, newKeys, newValues } = pagedData(options);
    const attention = createAttention(device, {
      ...{ numHeads, numKvHeads, headSize, dtype, blockSize, batchInvariant, backend: under.backend },
      ...configOf(step),
    });
    const cache = attention.createKvCache({ numBlocks });
    await cache.memory(0).write(image(under.layout));

    const { queryStartLoc, seqLens } = batchInput(lengths);
    const tokens = queryStartLoc.at(-1)!;
    const batch = createBatch(device, {
      maxSequences: lengths.length,
      maxTokens: Math.max(1, tokens),
      maxBlocksPerSequence: Math.max(1, ...blockTable.map((row) => row.length)),
      blockSize,
    });
    options.mutate?.({ seqLens, queryStartLoc });
    batch.update({ queryStartLoc, seqLens, blockTable });

    const upload = (data: Float64Array, heads: number) =>
      device.upload(round(dtype, data).bits, { shape: [tokens, heads, headSize], dtype });
    const inputs = {
      query: await upload(step.query, numHeads),
      key: await upload(newKeys, numKvHeads),
      value: await upload(newValues, numKvHeads),
      ...(step.sinks && {
        sinks: await device.upload(round(dtype, step.sinks).bits, { shape: [numHeads], dtype }),
      }),
    };
    return new PagedCase(options, attention, batch, cache, inputs, attend(options.mistake?.(step) ?? step));
  }

  /**
   * Runs the call and gives its result, [tokens, numHeads, headSize] and [tokens, numHeads]. `attendOnly` leaves keys and
   * values as an earlier call wrote them; `layer` stands in for the cache of the case.
   */
  async run({
    attendOnly = false,
    layer = this.cache.layer(0),
  } = {}): Promise<{ output: Float32Array; lse: Float32Array; bits: Uint16Array }> {
    const { attention, batch } = this;
    const { key, value, ...attending } = this.inputs;
    const inputs = attendOnly ? attending : this.inputs;
    const { numHeads } = this.options.shape;
    const output = attention.device.empty(inputs.query.shape, this.options.dtype);
    const lse = attention.device.empty([inputs.query.shape[0]!, numHeads], "float32");
    this.#tensors.push(output, lse);
    attention.forward({ ...inputs, output, lse, cache: layer, batch });
    const [values, bits, sums] = await Promise.all([output.readFloat32(), output.read(), lse.readFloat32()]);
    return { output: values, bits: bits as Uint16Array, lse: sums };
  }

  errors(output: ArrayLike<number>): RowErrors {
    return rowErrors(output, this.expected.output, this.options.shape.headSize);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.attention.device.defaultStream.synchronize();
    for (const tensor of [...Object.values(this.inputs), ...this.#tensors]) tensor.dispose();
    this.attention.dispose();
    this.batch.dispose();
    this.cache.dispose();
  }
}

/** The features of a step: slopes as models have them, sinks that matter beside the scores. */
function drawFeatures({ shape, dtype, seed, features = {} }: CaseOptions): Partial<Step> {
  const { numHeads } = shape;
  const { slidingWindow, logitsSoftCap, alibi = false, sinks = false } = features;
  const slopes = Array.from({ length: numHeads }, (_, head) =>
    Math.fround(2 ** ((-8 * (head + 1)) / numHeads)),
  );
  return {
    slidingWindow,
    logitsSoftCap,
    ...(alibi && { alibiSlopes: slopes }),
    ...(sinks && { sinks: round(dtype, new Random(seed + 1).normals(numHeads, 3)).values }),
  };
}

/** The options of `createAttention` for the features of a step. */
function configOf({ slidingWindow, logitsSoftCap, alibiSlopes, sinks }: Step): Partial<AttentionConfig> {
  return { slidingWindow, logitsSoftCap, alibiSlopes, sinks: sinks !== undefined };
}

/** Makes a head of rows [tokens, heads, headSize] NaN. */
function poison(rows: Float64Array, heads: number, headSize: number, head: number): void {
  for (let at = head * headSize; at < rows.length; at += heads * headSize) {
    rows.fill(Number.NaN, at, at + headSize);
  }
}

/** Turns every query of a sequence towards one of its keys, so that the result hangs on that key alone. */
function aimAtNeedles(
  query: Float64Array,
  keys: readonly Float64Array[],
  lengths: Lengths,
  { numHeads, numKvHeads, headSize }: AttentionShape,
  needles: readonly (number | null)[],
): void {
  let row = 0;
  for (const [s, [, queryLength]] of lengths.entries()) {
    const needle = needles[s] ?? null;
    for (let r = 0; r < queryLength * numHeads; r++, row++) {
      if (needle === null) continue;
      const kvHead = Math.floor(((r % numHeads) * numKvHeads) / numHeads);
      const at = (needle * numKvHeads + kvHead) * headSize;
      for (let i = 0; i < headSize; i++) query[row * headSize + i] = 2 * keys[s]![at + i]!;
    }
  }
}

/** All queries alike and all keys zero, but the first of each sequence: its score is `nats`, every other one 0. */
function raiseFirstKey(
  query: Float64Array,
  keys: readonly Float64Array[],
  { numKvHeads, headSize }: AttentionShape,
  nats: number,
): void {
  query.fill(1);
  for (const ofSequence of keys)
    ofSequence.fill(0).fill(nats / Math.sqrt(headSize), 0, numKvHeads * headSize);
}
