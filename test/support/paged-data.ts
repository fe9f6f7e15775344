import { fp8Encoding } from "../../lib/catalog/targets.js";
import type { AttentionType } from "../../lib/config.js";
import { type DType, itemSize } from "../../lib/dtype.js";
import { type Float8, fromFloat8 } from "../../lib/float8.js";
import type { LayoutName } from "../../lib/kv-cache/layouts.js";
import { MAX_DECODE_TOKENS } from "../../lib/ops/decodes.js";
import { layerBytes, offsetOf, scaleOffset } from "./cache-images.js";
import {
  type AttentionShape,
  keyCount,
  type Lengths,
  Random,
  type Rounded,
  round,
  type Step,
} from "./reference.js";

export interface DataOptions {
  readonly shape: AttentionShape;
  readonly dtype: "bfloat16" | "float16" | "float32";
  readonly lengths: Lengths;
  /** Default: a decoder's. */
  readonly attentionType?: AttentionType | undefined;
  readonly seed: number;
  readonly features?: Features | undefined;
  /** KV heads whose query heads, keys and values are all NaN. */
  readonly poisoned?: readonly number[];
  /** Multiplies the queries: 4 makes softmax rows that hang on few keys. */
  readonly peak?: number;
  /** Makes all keys of a sequence equal but the first, whose score stands this many nats above the others'. */
  readonly nats?: number;
  /** Positions, by sequence, of a key that every query of it is aimed at. */
  readonly needles?: readonly (number | null)[];
  /** How an fp8 cache stores keys and values; the numbers in it times the scales are these. Default: as they are. */
  readonly fp8Cache?: Fp8Cache | undefined;
  /** How a cache with a scale for each token and head stores them. Default: as they are. */
  readonly tokenCache?: TokenCache | undefined;
}

/** The dtypes of caches with a scale for each token and head. */
export type TokenScaled = "fp8_per_token" | "int8_per_token";

/** The elements of such a cache. */
export function tokenDType(kvCacheDtype: TokenScaled, arch: string): Float8 | "int8" {
  return kvCacheDtype === "int8_per_token" ? "int8" : fp8Encoding(arch)!;
}

export interface TokenCache {
  readonly dtype: Float8 | "int8";
  /** Of what is read and scaled: of values, and of keys where a sequence has more tokens than a decode. Default: it stays as it is. */
  readonly roundedTo?: DType | null;
}

export interface Fp8Cache {
  readonly dtype: Float8;
  readonly kScale: number;
  readonly vScale: number;
  /** Of what is read and scaled. Default: it stays as it is. */
  readonly roundedTo?: DType | null;
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
  /** Of the keys and values as the cache holds them. */
  readonly step: Step;
  /** Of the keys and values before an fp8 cache has rounded them. */
  readonly unquantised: Step;
  readonly blockTable: number[][];
  /** A layer's memory before the call, contexts, or after it, the new tokens too; and in all other slots `unused`, by default NaN. */
  image(layout: LayoutName, when?: "before" | "after", unused?: number): Rounded["bits"];
  readonly numBlocks: number;
  /** Keys and values that the call brings, [key tokens, numKvHeads, headSize]. */
  readonly newKeys: Float64Array;
  readonly newValues: Float64Array;
}

/** Rows as a cache holds them; where it has scales of tokens, [tokens, heads] of these. */
type StoredRows = Rounded & { readonly scales?: Float32Array };

/** Draws the data of a call; its blocks are a permutation of a cache of `numBlocks` (default: 3 more than needed). */
export function pagedData(options: DataOptions, numBlocks?: number): PagedData {
  const {
    shape,
    dtype,
    lengths,
    seed,
    peak = 1,
    needles = [],
    poisoned = [],
    fp8Cache,
    tokenCache,
  } = options;
  const { attentionType = "decoder" } = options;
  const { numHeads, numKvHeads, headSize, blockSize } = shape;
  const width = numKvHeads * headSize;
  const totals = lengths.map((length) => keyCount(attentionType, length));
  // The keys of an encoder's tokens come with the call.
  const contexts = lengths.map(([context]) => (attentionType === "encoder_decoder" ? 0 : context));
  // Each sequence has a stream of numbers of its own: what it holds does not depend on the others.
  const streams = lengths.map((_, s) => new Random(seed + 7919 * s));
  const rounded = (s: number, count: number) => round(dtype, streams[s]!.normals(count)).values;
  const keys = totals.map((total, s) => rounded(s, total * width));
  const values = totals.map((total, s) => rounded(s, total * width));
  const query = joined(lengths.map(([, length], s) => rounded(s, length * numHeads * headSize))).map(
    (x) => peak * x,
  );
  aimAtNeedles(query, keys, lengths, shape, needles);
  if (options.nats !== undefined) raiseFirstKey(query, keys, shape, options.nats);
  for (const head of poisoned) {
    for (const rows of [...keys, ...values]) poison(rows, numKvHeads, headSize, head);
    const group = numHeads / numKvHeads;
    for (let h = head * group; h < (head + 1) * group; h++) poison(query, numHeads, headSize, h);
  }
  const stored = (rows: Float64Array, scale = 1, isRounded = true): StoredRows => {
    if (tokenCache !== undefined) {
      return quantisedByRow(isRounded ? tokenCache : { dtype: tokenCache.dtype }, rows, headSize);
    }
    return fp8Cache === undefined ? round(dtype, rows) : quantised(fp8Cache, rows, scale);
  };
  const storedKeys = keys.map((rows, s) =>
    stored(rows, fp8Cache?.kScale, lengths[s]![1] > MAX_DECODE_TOKENS),
  );
  const storedValues = values.map((rows) => stored(rows, fp8Cache?.vScale));
  const unquantised = {
    ...{ shape, lengths, attentionType, query: round(dtype, query).values, keys, values },
    scale: headSize ** -0.5,
    ...drawFeatures(options),
  };
  const step = {
    ...unquantised,
    keys: storedKeys.map((rows) => rows.values),
    values: storedValues.map((rows) => rows.values),
  };

  const blocks = totals.map((total) => Math.ceil(total / blockSize));
  const size = numBlocks ?? blocks.reduce((sum, count) => sum + count, 0) + 3;
  const order = new Random(seed).permutation(size);
  const blockTable = blocks.map((count) => order.splice(0, count));
  const cacheDtype = tokenCache?.dtype ?? fp8Cache?.dtype ?? dtype;
  const itemBytes = itemSize(cacheDtype);
  const scales = tokenCache !== undefined;
  const sizes = { numBlocks: size, blockSize, numKvHeads, headSize, itemBytes, scales };
  const image: PagedData["image"] = (layout, when = "before", unused = Number.NaN) => {
    const elements = layerBytes(layout, sizes) / itemBytes;
    const { bits: fill } = round(cacheDtype, [unused]);
    const bits = new (fill.constructor as new (length: number) => Rounded["bits"])(elements).fill(fill[0]!);
    const view = new DataView(bits.buffer);
    if (scales) {
      const first = scaleOffset(sizes, { half: 0, block: 0, slot: 0, head: 0 });
      new Float32Array(bits.buffer, first).fill(unused);
    }
    for (const [s, context] of contexts.entries()) {
      const tokens = when === "before" ? context : totals[s]!;
      for (const half of [0, 1] as const) {
        const rows = (half === 0 ? storedKeys : storedValues)[s]!;
        for (let row = 0; row < tokens * numKvHeads; row++) {
          const position = Math.floor(row / numKvHeads);
          const block = blockTable[s]![Math.floor(position / blockSize)]!;
          const place = { half, block, slot: position % blockSize, head: row % numKvHeads, element: 0 };
          for (; place.element < headSize; place.element++) {
            bits[offsetOf(layout, sizes, place) / itemBytes] = rows.bits[row * headSize + place.element]!;
          }
          if (rows.scales !== undefined) view.setFloat32(scaleOffset(sizes, place), rows.scales[row]!, true);
        }
      }
    }
    return bits;
  };
  const newRows = (source: readonly Float64Array[]) =>
    joined(contexts.map((context, s) => source[s]!.subarray(context * width)));
  const [newKeys, newValues] = [newRows(keys), newRows(values)];
  return { step, unquantised, blockTable, image, numBlocks: size, newKeys, newValues };
}

function joined(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** What `batch.update` takes for sequences of these lengths. */
export function batchInput(
  lengths: Lengths,
  type: AttentionType = "decoder",
): { queryStartLoc: number[]; seqLens: number[] } {
  const queryStartLoc = [0];
  for (const [, length] of lengths) queryStartLoc.push(queryStartLoc.at(-1)! + length);
  return { queryStartLoc, seqLens: lengths.map((length) => keyCount(type, length)) };
}

/** The features of a step: slopes as models have them, sinks that matter beside the scores. */
function drawFeatures({ shape, dtype, seed, features = {} }: DataOptions): Partial<Step> {
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

/** Rows as an fp8 cache holds them, divided by its scale in float32, and the numbers that it stands for. */
function quantised({ dtype, roundedTo = null }: Fp8Cache, rows: Float64Array, scale: number): Rounded {
  const { bits, values } = round(
    dtype,
    rows.map((value) => Math.fround(value / Math.fround(scale))),
  );
  const read = values.map((value) => value * Math.fround(scale));
  return { bits, values: roundedTo === null ? read : round(roundedTo, read).values };
}

/** Makes a head of rows [tokens, heads, headSize] NaN. */
function poison(rows: Float64Array, heads: number, headSize: number, head: number): void {
  for (let at = head * headSize; at < rows.length; at += heads * headSize) {
    rows.fill(Number.NaN, at, at + headSize);
  }
}

/** Rows of `size` elements with a scale of their own, as a cache by tokens holds them, and the numbers that they stand for. */
export function quantisedByRow(
  { dtype, roundedTo = null }: TokenCache,
  rows: Float64Array,
  size: number,
): StoredRows {
  const largest = dtype === "int8" ? 127 : fromFloat8(dtype, 0x7f) || fromFloat8(dtype, 0x7e);
  const scales = Float32Array.from({ length: rows.length / size }, (_, row) => {
    const magnitudes = rows.subarray(row * size, (row + 1) * size).map(Math.abs);
    return magnitudes.reduce((most, each) => Math.max(most, each), 0) / largest || 1;
  });
  const scaleOf = (i: number) => scales[Math.floor(i / size)]!;
  const { bits, values } = round(
    dtype,
    rows.map((value, i) => Math.fround(value / scaleOf(i))),
  );
  const read = values.map((value, i) => value * scaleOf(i));
  return { bits, scales, values: roundedTo === null ? read : round(roundedTo, read).values };
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
