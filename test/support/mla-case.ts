import { fp8Encoding } from "../../lib/catalog/targets.js";
import {
  type Batch,
  createBatch,
  createMlaAttention,
  type Device,
  type DType,
  type KvCache,
  type MlaAttention,
  type MlaAttentionConfig,
  type MlaWeights,
  type Tensor,
} from "../../lib/index.js";
import { installedKernels } from "../../lib/kernels/store.js";
import { attendQuantised } from "./mla-quantised-query.js";
import { batchInput } from "./paged-data.js";
import {
  attend,
  type Expected,
  isAccurate,
  type Lengths,
  Random,
  type RowErrors,
  round,
  rowErrors,
} from "./reference.js";
import { Evidence } from "./verified.js";

const [RANK, ROPE, NOPE, VALUE] = [512, 64, 128, 128];
const WIDTH = RANK + ROPE;

/** The backends of latent attention. */
export const MLA_BACKENDS = ["TRITON_MLA", "ROCM_AITER_MLA"] as const;

const hasAiterMla = installedKernels(["gfx942"]).kernels.some(({ id }) => id.startsWith("aiter.mla"));

/** Why a backend's tests are skipped, and reported so, on this machine; null: they are not. */
export function noMlaKernels(backend: string): string | null {
  return backend === "ROCM_AITER_MLA" && !hasAiterMla ? "AITER's kernels were not built" : null;
}

/** Of a row whose latent results or softmax weights are rounded to fp8, which the reference does not do. */
const QUANTISED_ROW = 4e-2;

/** Whether a result of latent attention is within its bounds (docs/numbers.md). */
export function isMlaAccurate(
  errors: RowErrors,
  { dtype, peak = 1, quantised, qScale }: Pick<MlaCaseOptions, "dtype" | "peak" | "quantised" | "qScale">,
): boolean {
  if (quantised || qScale) return errors.rms <= QUANTISED_ROW && errors.max <= 8 * QUANTISED_ROW;
  return isAccurate(errors, dtype, peak > 1 ? 4 : 2);
}

export interface MlaCaseOptions {
  readonly numHeads: number;
  readonly blockSize: number;
  readonly dtype: "bfloat16" | "float16";
  readonly lengths: Lengths;
  readonly seed: number;
  readonly backend?: string;
  /** Multiplies the queries: 4 makes softmax rows that hang on few keys. */
  readonly peak?: number;
  /** Positions, by sequence, of a key that every query of it is aimed at. */
  readonly needles?: readonly (number | null)[];
  /** Of an fp8 cache, and whether the call gets it as a number or in memory. Default: the cache is in the dtype of the query. */
  readonly kScale?: { readonly value: number; readonly as: "number" | "tensor" } | undefined;
  /** Of queries in fp8, likewise; needs `kScale`. */
  readonly qScale?: MlaCaseOptions["kScale"];
  readonly scale?: number | undefined;
  readonly config?: Partial<MlaAttentionConfig>;
  /** The heads whose results are compared, where a reference of all takes too long. */
  readonly compared?: readonly number[];
  /** What W_UV is multiplied with, a power of two: W_UK keeps its magnitude. */
  readonly valueFactor?: number;
  /** Products of decodes in fp8: the reference is that of up-projections and queries that are rounded as they are. */
  readonly quantised?: boolean;
  /** The two parts of the queries are views of one tensor, [tokens, heads, 192], as a projection gives them. */
  readonly joined?: boolean;
  /** A cache of so many blocks, none written but those at `places`, where the sequences' blocks go in their order. */
  readonly within?: { readonly numBlocks: number; readonly places: readonly number[] };
  /** Changes what the device is told of the step: a mistake that the comparison must see. */
  readonly mutate?: (input: { seqLens: number[]; queryStartLoc: number[] }) => void;
}

/** Random data of one call of latent attention. */
export interface MlaData {
  readonly expected: Expected;
  readonly queryNope: Float64Array;
  readonly queryRope: Float64Array;
  readonly kvB: Float64Array;
  /** The query tokens' latents and rotary keys, [tokens, 576], before an fp8 cache rounds them. */
  readonly newRows: Float64Array;
  readonly blockTable: number[][];
  readonly numBlocks: number;
  /** A layer's memory before the call: contexts, and NaN in all other slots. */
  readonly image: Uint8Array | Uint16Array;
}

/** Draws the data of a call and attends in float64, in the model's own space: each head to keys and values of its own. */
export function mlaData(arch: string, options: MlaCaseOptions, numBlocks?: number): MlaData {
  const { numHeads, blockSize, dtype, lengths, seed, peak = 1, needles = [], kScale } = options;
  const cacheDtype = kScale === undefined ? dtype : fp8Encoding(arch)!;
  const random = new Random(seed);
  const totals = lengths.map(([context, query]) => context + query);
  const kvB = round(dtype, random.normals(numHeads * (NOPE + VALUE) * RANK, RANK ** -0.5)).values;
  const { valueFactor = 1 } = options;
  if (valueFactor !== 1) {
    for (const part of halves(kvB, NOPE)) for (let i = 0; i < part.length; i++) part[i]! *= valueFactor;
  }
  // Each sequence has a stream of numbers of its own: what it holds does not depend on the others.
  const streams = lengths.map((_, s) => new Random(seed + 7919 * (s + 1)));
  const rows = totals.map((total, s) => round(dtype, streams[s]!.normals(total * WIDTH)).values);
  const factor = Math.fround(kScale?.value ?? 1);
  const stored = rows.map((values) =>
    round(
      cacheDtype,
      values.map((x) => Math.fround(x / factor)),
    ),
  );
  const { compared = Array.from({ length: numHeads }, (_, head) => head) } = options;
  const ofHeads = (values: Float64Array, size: number) => partsOf(values, numHeads, compared, size);
  const weights = ofHeads(
    options.quantised ? quantisedWeights(cacheFp8(arch), kvB) : kvB,
    (NOPE + VALUE) * RANK,
  );
  const latents = stored.map(({ values }) => values.map((x) => x * factor));
  const keys = latents.map((values) => keysOf(values, weights, compared.length));
  const queries = lengths.flatMap(([, query], s) => [
    ...new Random(seed + 104729 * (s + 1)).normals(query * numHeads * (NOPE + ROPE), peak),
  ]);
  const query = Float64Array.from(queries);
  let row = 0;
  for (const [s, [, length]] of lengths.entries()) {
    const needle = needles[s];
    for (let r = 0; r < length * numHeads; r++, row++) {
      if (needle === null || needle === undefined) continue;
      const key = keys[s]!.subarray(
        (needle * numHeads + (r % numHeads)) * 192,
        (needle * numHeads + (r % numHeads) + 1) * 192,
      );
      for (let e = 0; e < 192; e++) query[row * 192 + e] = 1.5 * key[e]!;
    }
  }
  const rounded = round(dtype, query).values;
  const values = latents.map((each) => valuesOf(each, weights, compared.length));
  const scale = options.scale ?? (NOPE + ROPE) ** -0.5;
  const heads = compared.length;
  const shape = { numHeads: heads, numKvHeads: heads, headSize: NOPE + ROPE, blockSize };
  const multiplied = options.quantised ? quantisedQueries(cacheFp8(arch), rounded) : rounded;
  const seen = ofHeads(multiplied, NOPE + ROPE);
  const { qScale } = options;
  const { output, lse } =
    qScale === undefined
      ? ofModel(attend({ shape, lengths, query: seen, keys, values, scale }))
      : attendQuantised(
          { lengths, numHeads: heads, query: seen, weights, latents, scale },
          cacheFp8(arch),
          qScale.value,
        );

  const blocks = totals.map((total) => Math.ceil(total / blockSize));
  const size = numBlocks ?? blocks.reduce((sum, count) => sum + count, 0) + 3;
  const order = new Random(seed).permutation(size);
  const blockTable = blocks.map((count) => order.splice(0, count));
  const { bits: nan } = round(cacheDtype, [Number.NaN]);
  const image = new (nan.constructor as new (length: number) => Uint8Array | Uint16Array)(
    size * blockSize * WIDTH,
  ).fill(nan[0]!);
  for (const [s, [context]] of lengths.entries()) {
    for (let position = 0; position < context; position++) {
      const block = blockTable[s]![Math.floor(position / blockSize)]!;
      const place = (block * blockSize + (position % blockSize)) * WIDTH;
      image.set(stored[s]!.bits.subarray(position * WIDTH, (position + 1) * WIDTH), place);
    }
  }
  return {
    expected: { output, lse },
    queryNope: columns(rounded, 192, 0, NOPE),
    queryRope: columns(rounded, 192, NOPE, 192),
    kvB,
    newRows: Float64Array.from(lengths.flatMap(([context], s) => [...rows[s]!.subarray(context * WIDTH)])),
    blockTable,
    numBlocks: size,
    image,
  };
}

/** Results without the zeros behind their values. */
function ofModel({ output, lse }: Expected): Expected {
  return { output: columns(output, 192, 0, VALUE), lse };
}

/** Of rows of `numHeads` parts of `size` the parts of some heads. */
function partsOf(
  values: Float64Array,
  numHeads: number,
  heads: readonly number[],
  size: number,
): Float64Array {
  if (heads.length === numHeads) return values;
  const rows = values.length / (numHeads * size);
  const picked = new Float64Array(rows * heads.length * size);
  for (let row = 0; row < rows; row++) {
    for (const [index, head] of heads.entries()) {
      const from = (row * numHeads + head) * size;
      picked.set(values.subarray(from, from + size), (row * heads.length + index) * size);
    }
  }
  return picked;
}

function cacheFp8(arch: string): DType {
  return fp8Encoding(arch)!;
}

/** Of an up-projection [heads, 256, 512] the heads' W_UK (`first`: 0) or W_UV (NOPE). */
function halves(kvB: Float64Array, first: number): Float64Array[] {
  const head = (NOPE + VALUE) * RANK;
  return Array.from({ length: kvB.length / head }, (_, index) => {
    const from = index * head + first * RANK;
    return kvB.subarray(from, from + NOPE * RANK);
  });
}

/** An up-projection in fp8, W_UK and W_UV with a scale of their own each. */
export function quantisedWeights(fp8: DType, kvB: Float64Array): Float64Array {
  const made = kvB.slice();
  for (const first of [0, NOPE]) {
    const parts = halves(made, first);
    const largest = Math.max(...parts.map(largestOf));
    for (const part of parts) part.set(quantisedRow(fp8, part, largest));
  }
  return made;
}

function largestOf(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Numbers rounded to fp8 with the scale that makes the largest of them, or another, the format's. */
function quantisedRow(fp8: DType, values: Float64Array, largest = largestOf(values)): Float64Array {
  const scale = largest / (fp8 === "float8_e4m3fnuz" ? 240 : 448);
  return round(
    fp8,
    values.map((value) => value / scale),
  ).values.map((value) => value * scale);
}

/** Queries [rows, 192] whose part without position is rounded so, row by row. */
function quantisedQueries(fp8: DType, queries: Float64Array): Float64Array {
  const made = queries.slice();
  for (let row = 0; row < made.length; row += NOPE + ROPE) {
    made.set(quantisedRow(fp8, made.subarray(row, row + NOPE)), row);
  }
  return made;
}

/** Keys [tokens, heads, 192] of cached rows: W_UK latent, then the rotary part. */
function keysOf(rows: Float64Array, kvB: Float64Array, numHeads: number): Float64Array {
  return project(rows, kvB, numHeads, 0, (row, key) => {
    for (let e = 0; e < ROPE; e++) key[NOPE + e] = row[RANK + e]!;
  });
}

/** Values [tokens, heads, 192] of cached rows: W_UV latent, then 0. */
function valuesOf(rows: Float64Array, kvB: Float64Array, numHeads: number): Float64Array {
  return project(rows, kvB, numHeads, NOPE, () => {});
}

function project(
  rows: Float64Array,
  kvB: Float64Array,
  numHeads: number,
  first: number,
  complete: (row: Float64Array, made: Float64Array) => void,
): Float64Array {
  const tokens = rows.length / WIDTH;
  const made = new Float64Array(tokens * numHeads * 192);
  for (let token = 0; token < tokens; token++) {
    const row = rows.subarray(token * WIDTH, (token + 1) * WIDTH);
    for (let head = 0; head < numHeads; head++) {
      const into = made.subarray((token * numHeads + head) * 192, (token * numHeads + head + 1) * 192);
      for (let e = 0; e < NOPE; e++) {
        const weights = (head * (NOPE + VALUE) + first + e) * RANK;
        let sum = 0;
        for (let l = 0; l < RANK; l++) sum += kvB[weights + l]! * row[l]!;
        into[e] = sum;
      }
      complete(row, into);
    }
  }
  return made;
}

/** Columns [from, to) of rows of `width`. */
function columns(values: Float64Array, width: number, from: number, to: number): Float64Array {
  const rows = values.length / width;
  const picked = new Float64Array(rows * (to - from));
  for (let row = 0; row < rows; row++) {
    picked.set(values.subarray(row * width + from, row * width + to), row * (to - from));
  }
  return picked;
}

/** Writes the sequences' blocks to places in a cache. Returns their block table. */
async function writeBlocks(cache: KvCache, data: MlaData, places: readonly number[]): Promise<number[][]> {
  const used = data.blockTable.flat();
  const place = (block: number) => places[used.indexOf(block)]!;
  const { tensor, strides, blockStride } = cache.layer(0).part("latent");
  const size = data.image.length / data.numBlocks;
  for (const block of used) {
    const shape = [size / WIDTH, WIDTH];
    const byteOffset = place(block) * blockStride * data.image.BYTES_PER_ELEMENT;
    await tensor
      .view({ shape, strides: [...strides], byteOffset })
      .write(data.image.subarray(block * size, (block + 1) * size));
  }
  return data.blockTable.map((row) => row.map(place));
}

/** Queries [rows, 192]. */
function joined({ queryNope, queryRope }: MlaData): Float64Array {
  const query = new Float64Array(queryNope.length + queryRope.length);
  for (let row = 0; row * (NOPE + ROPE) < query.length; row++) {
    query.set(queryNope.subarray(row * NOPE, (row + 1) * NOPE), row * (NOPE + ROPE));
    query.set(queryRope.subarray(row * ROPE, (row + 1) * ROPE), row * (NOPE + ROPE) + NOPE);
  }
  return query;
}

/** The two parts of queries as views of their tensor. */
function joinedParts(query: Tensor): { queryNope: Tensor; queryRope: Tensor } {
  const [tokens, heads] = query.shape as [number, number];
  const part = (size: number, first: number) =>
    query.view({ shape: [tokens, heads, size], strides: [...query.strides], byteOffset: 2 * first });
  return { queryNope: part(NOPE, 0), queryRope: part(ROPE, NOPE) };
}

/** One call of latent attention on random data: the context lies in the cache, in permuted blocks whose unused slots hold NaN. */
export class MlaCase implements AsyncDisposable {
  readonly #tensors: Tensor[] = [];
  readonly #evidence = new Evidence();

  private constructor(
    readonly options: MlaCaseOptions,
    readonly attention: MlaAttention,
    readonly batch: Batch,
    readonly cache: KvCache,
    readonly weights: MlaWeights,
    readonly inputs: {
      queryNope: Tensor;
      queryRope: Tensor;
      latent: Tensor;
      keyRope: Tensor;
      kScale?: Tensor | number;
      qScale?: Tensor | number;
    },
    readonly data: MlaData,
  ) {}

  static async create(device: Device, options: MlaCaseOptions): Promise<MlaCase> {
    const { numHeads, blockSize, dtype, lengths, kScale, qScale, scale, backend = "TRITON_MLA" } = options;
    const data = mlaData(device.info.arch, options);
    const attention = createMlaAttention(device, {
      env: { VLLM_ROCM_USE_AITER: options.quantised ? "1" : "0" },
      ...{ numHeads, kvLoraRank: RANK, dtype, blockSize, backend, scale },
      kvCacheDtype: kScale && "fp8",
      ...options.config,
    });
    const { within } = options;
    const cache = attention.createKvCache({ numBlocks: within?.numBlocks ?? data.numBlocks });
    const blockTable = within === undefined ? data.blockTable : await writeBlocks(cache, data, within.places);
    if (within === undefined) await cache.layer(0).part("latent").tensor.write(data.image);
    const { queryStartLoc, seqLens } = batchInput(lengths);
    const tokens = queryStartLoc.at(-1)!;
    const batch = createBatch(device, {
      maxSequences: lengths.length,
      maxTokens: Math.max(1, tokens),
      maxBlocksPerSequence: Math.max(1, ...data.blockTable.map((row) => row.length)),
      blockSize,
    });
    options.mutate?.({ seqLens, queryStartLoc });
    batch.update({ queryStartLoc, seqLens, blockTable });
    const upload = (values: Float64Array, shape: number[]) =>
      device.upload(round(dtype, values).bits, { shape, dtype });
    const kvB = await upload(data.kvB, [numHeads * (NOPE + VALUE), RANK]);
    const weights = attention.prepareKvB(kvB);
    kvB.dispose();
    // One tensor of latents and rotary keys, as the projection before it gives them.
    const rows = await upload(data.newRows, [tokens, WIDTH]);
    const part = (size: number, from: number) =>
      rows.view({ shape: [tokens, size], strides: [WIDTH, 1], byteOffset: tokens === 0 ? 0 : 2 * from });
    const queries = options.joined
      ? joinedParts(await upload(joined(data), [tokens, numHeads, NOPE + ROPE]))
      : {
          queryNope: await upload(data.queryNope, [tokens, numHeads, NOPE]),
          queryRope: await upload(data.queryRope, [tokens, numHeads, ROPE]),
        };
    const given = async ({ value, as }: NonNullable<MlaCaseOptions["kScale"]>) =>
      as === "number" ? value : device.upload(Float32Array.of(value), { shape: [1], dtype: "float32" });
    const inputs = {
      ...queries,
      latent: part(RANK, 0),
      keyRope: part(ROPE, RANK),
      ...(kScale && { kScale: await given(kScale) }),
      ...(qScale && { qScale: await given(qScale) }),
    };
    const made = new MlaCase(options, attention, batch, cache, weights, inputs, data);
    made.#tensors.push(rows);
    return made;
  }

  /** Runs the call and gives its result, [tokens, heads, 128] and [tokens, heads]. */
  async run({ attendOnly = false, withLse = true } = {}): Promise<{
    output: Float32Array;
    lse: Float32Array;
    bits: Uint16Array;
  }> {
    const { attention, batch, weights } = this;
    const { latent, keyRope, ...attending } = this.inputs;
    const { numHeads, dtype } = this.options;
    const tokens = attending.queryNope.shape[0]!;
    const output = attention.device.empty([tokens, numHeads, VALUE], dtype);
    const lse = attention.device.empty([tokens, numHeads], "float32");
    this.#tensors.push(output, lse);
    const values = await this.#evidence.of(() => {
      attention.forward({
        ...attending,
        ...(!attendOnly && { latent, keyRope }),
        ...(withLse && { lse }),
        ...{ weights, output, batch, cache: this.cache.layer(0) },
      });
      return output.readFloat32();
    });
    return { output: values, bits: (await output.read()) as Uint16Array, lse: await lse.readFloat32() };
  }

  /** rms(error) / rms(reference) of all elements together. */
  errorTogether(output: ArrayLike<number>): number {
    return rowErrors(this.#compared(output), this.data.expected.output, this.data.expected.output.length).rms;
  }

  #compared(output: ArrayLike<number>): ArrayLike<number> {
    const { numHeads, compared } = this.options;
    return compared === undefined ? output : partsOf(Float64Array.from(output), numHeads, compared, VALUE);
  }

  errors(output: ArrayLike<number>): RowErrors {
    const least = this.options.dtype === "float16" ? 2 ** -14 : 0;
    const errors = rowErrors(this.#compared(output), this.data.expected.output, VALUE, least);
    if (!this.options.mutate && isMlaAccurate(errors, this.options))
      this.#evidence.accept(this.attention.device.info);
    return errors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.attention.device.defaultStream.synchronize();
    for (const tensor of [...Object.values(this.inputs), ...this.#tensors]) {
      if (typeof tensor === "object") tensor.dispose();
    }
    this.weights.dispose();
    this.attention.dispose();
    this.batch.dispose();
    this.cache.dispose();
  }
}
