import {
  type Attention,
  type Batch,
  createAttention,
  createBatch,
  type Device,
  type KvCache,
  type Tensor,
} from "../../lib/index.js";
import {
  type AttentionShape,
  attend,
  type Expected,
  type Lengths,
  Random,
  type RowErrors,
  round,
  rowErrors,
} from "./reference.js";

export interface CaseOptions {
  readonly shape: AttentionShape;
  readonly dtype: "bfloat16" | "float16";
  readonly lengths: Lengths;
  readonly seed: number;
  /** Multiplies the queries: 4 makes softmax rows that hang on few keys. */
  readonly peak?: number;
  /** Positions, by sequence, of a key that every query of it is aimed at. */
  readonly needles?: readonly (number | null)[];
  readonly batchInvariant?: boolean;
  /** Changes what the device is told of the step: a mistake that the comparison must see. */
  readonly mutate?: (input: { seqLens: number[]; queryStartLoc: number[] }) => void;
}

const NAN_BITS = 0x7fff;

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
    private readonly inputs: { query: Tensor; key: Tensor; value: Tensor },
    expected: Expected,
  ) {
    this.expected = expected;
  }

  static async create(device: Device, options: CaseOptions): Promise<PagedCase> {
    const { shape, dtype, lengths, seed, peak = 1, needles = [], batchInvariant = false } = options;
    const { numHeads, numKvHeads, headSize, blockSize } = shape;
    const width = numKvHeads * headSize;
    const totals = lengths.map(([context, query]) => context + query);
    // Each sequence has a stream of numbers of its own: what it holds does not depend on the others.
    const streams = lengths.map((_, s) => new Random(seed + 7919 * s));
    const rounded = (s: number, count: number) => round(dtype, streams[s]!.normals(count)).values;
    const keys = totals.map((total, s) => rounded(s, total * width));
    const values = totals.map((total, s) => rounded(s, total * width));
    const tokens = lengths.reduce((sum, [, query]) => sum + query, 0);
    const queries = lengths.flatMap(([, length], s) => [...rounded(s, length * numHeads * headSize)]);
    const query = Float64Array.from(queries, (x) => peak * x);
    aimAtNeedles(query, keys, lengths, shape, needles);
    const step = { shape, lengths, query: round(dtype, query).values, keys, values, scale: headSize ** -0.5 };

    const attention = createAttention(device, {
      numHeads,
      numKvHeads,
      headSize,
      dtype,
      blockSize,
      batchInvariant,
    });
    const blocks = totals.map((total) => Math.ceil(total / blockSize));
    const numBlocks = blocks.reduce((sum, count) => sum + count, 0) + 3;
    const order = new Random(seed).permutation(numBlocks);
    const blockTable = blocks.map((count) => order.splice(0, count));
    const cache = attention.createKvCache({ numBlocks });
    const image = new Uint16Array(numBlocks * 2 * blockSize * width).fill(NAN_BITS);
    for (const [s, [context]] of lengths.entries()) {
      for (const [half, source] of [keys[s]!, values[s]!].entries()) {
        const { bits } = round(dtype, source);
        for (let position = 0; position < context; position++) {
          const block = blockTable[s]![Math.floor(position / blockSize)]!;
          const slot = (block * 2 + half) * blockSize + (position % blockSize);
          image.set(bits.subarray(position * width, (position + 1) * width) as Uint16Array, slot * width);
        }
      }
    }
    await cache.layer(0).tensor.write(image);

    const batch = createBatch(device, {
      maxSequences: lengths.length,
      maxTokens: Math.max(1, tokens),
      maxBlocksPerSequence: Math.max(1, ...blocks),
      blockSize,
    });
    const queryStartLoc = [0];
    for (const [, length] of lengths) queryStartLoc.push(queryStartLoc.at(-1)! + length);
    const seqLens = [...totals];
    options.mutate?.({ seqLens, queryStartLoc });
    batch.update({ queryStartLoc, seqLens, blockTable });

    const newRows = (source: readonly Float64Array[]) =>
      Float64Array.from(lengths.flatMap(([context], s) => [...source[s]!.subarray(context * width)]));
    const upload = (data: Float64Array, heads: number) =>
      device.upload(round(dtype, data).bits, { shape: [tokens, heads, headSize], dtype });
    const inputs = {
      query: await upload(step.query, numHeads),
      key: await upload(newRows(keys), numKvHeads),
      value: await upload(newRows(values), numKvHeads),
    };
    return new PagedCase(options, attention, batch, cache, inputs, attend(step));
  }

  /**
   * Runs the call and gives its result, [tokens, numHeads, headSize] and [tokens, numHeads]. `attendOnly` leaves keys and
   * values as an earlier call wrote them.
   */
  async run({
    attendOnly = false,
  } = {}): Promise<{ output: Float32Array; lse: Float32Array; bits: Uint16Array }> {
    const { attention, batch, cache } = this;
    const inputs = attendOnly ? { query: this.inputs.query } : this.inputs;
    const { numHeads } = this.options.shape;
    const output = attention.device.empty(inputs.query.shape, this.options.dtype);
    const lse = attention.device.empty([inputs.query.shape[0]!, numHeads], "float32");
    this.#tensors.push(output, lse);
    attention.forward({ ...inputs, output, lse, cache: cache.layer(0), batch });
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
