import { targetOf } from "../../catalog/targets.js";
import type { DeviceInfo } from "../../index.js";

/** A step of attention to time: `sequences` of `keys` keys each, of which the last `queries` are new. */
export interface Shape {
  readonly name: string;
  readonly phase: "decode" | "prefill";
  readonly sequences: number;
  readonly keys: number;
  readonly queries: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
}

export const HEAD_SIZE = 128;
export const BLOCK_SIZE = 16;
/** Of bfloat16. */
const BYTES = 2;

/** Multiplications with additions of bfloat16 that a compute unit's matrix units do in a clock. */
const PRODUCTS_PER_CLOCK: Readonly<Record<string, number>> = { gfx90a: 512, gfx942: 1024, gfx950: 2048 };

/** A layer of an 8B model with grouped queries. */
const HEADS = { numHeads: 32, numKvHeads: 8 };
const decode = (sequences: number, keys: number, heads = HEADS): Shape => ({
  ...{ name: `decode ${sequences} x ${keys}`, phase: "decode", sequences, keys, queries: 1, ...heads },
});
const prefill = (keys: number, heads = HEADS): Shape => ({
  ...{ name: `prefill ${keys}`, phase: "prefill", sequences: 1, keys, queries: keys, ...heads },
});

const ON_GPUS = [
  ...[1, 16, 64].flatMap((sequences) => [1024, 8192].map((keys) => decode(sequences, keys))),
  ...[512, 2048, 8192].map((keys) => prefill(keys)),
];

/** On the emulator, whose times say nothing: small enough to show that it runs. */
const SMALL = { numHeads: 4, numKvHeads: 1 };
const EMULATED = [decode(2, 64, SMALL), prefill(32, SMALL)];

export function shapesFor({ emulated }: DeviceInfo): readonly Shape[] {
  return emulated ? EMULATED : ON_GPUS;
}

/** Bytes of a shape's keys and values. */
export function cacheBytes({ sequences, keys, numKvHeads }: Shape): number {
  return sequences * keys * numKvHeads * 2 * HEAD_SIZE * BYTES;
}

/** The fewest bytes that attention moves: keys, values, queries and outputs, each once. */
export function leastBytes(shape: Shape): number {
  return cacheBytes(shape) + shape.sequences * shape.queries * shape.numHeads * 2 * HEAD_SIZE * BYTES;
}

/** Multiplications of scores and of values that the causal mask leaves. */
export function products({ sequences, keys, queries, numHeads }: Shape): number {
  const scores = queries * (keys - queries) + (queries * (queries + 1)) / 2;
  return sequences * numHeads * scores * 2 * HEAD_SIZE;
}

/** The least time of a shape by what a GPU of the target can do, in microseconds; null for an emulated one, and for targets without such numbers. */
export function limits(
  shape: Shape,
  { arch, computeUnits, emulated }: Pick<DeviceInfo, "arch" | "computeUnits" | "emulated">,
): { bytes: number; matrix: number } | null {
  const model = targetOf(arch)?.model;
  const perClock = PRODUCTS_PER_CLOCK[arch];
  if (emulated || model == null || perClock === undefined) return null;
  return {
    bytes: leastBytes(shape) / (model.hbmTBs * 1e6),
    matrix: products(shape) / (perClock * computeUnits * model.matrixBoundGHz * 1e3),
  };
}
