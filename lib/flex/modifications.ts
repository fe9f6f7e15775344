import { invalidArgument } from "../errors.js";
import type { MaskMod, ScoreMod } from "./trace.js";
import type { FlexOperand, FlexValue } from "./value.js";

/** A device tensor that functions read. */
export interface Readable {
  /** The element at traced indices, as many as the tensor has dimensions. */
  at(...indices: readonly FlexOperand[]): FlexValue;
}

/** A query sees its own token and those before it. */
export const causal: MaskMod = ({ query, key }) => query.ge(key);

/** A query sees the last `size` tokens, its own among them. */
export function slidingWindow(size: number): MaskMod {
  checkCount(size, "size");
  return ({ query, key }) => query.ge(key).and(query.sub(key).lt(size));
}

/** All tokens see the first `lengths[row]` ones of their sequence, and those before them. lengths: int32 [rows]. */
export function prefixLm(lengths: Readable): MaskMod {
  return ({ row, query, key }) => query.ge(key).or(key.lt(lengths.at(row)));
}

/** Tokens see those before them in the same document. documents: an integer [rows, positions], whatever numbers it has. */
export function documentMask(documents: Readable): MaskMod {
  return ({ row, query, key }) => query.ge(key).and(documents.at(row, query).eq(documents.at(row, key)));
}

/** A query sees every `step`th token back from its own, `size` of them. */
export function dilatedWindow(size: number, step: number): MaskMod {
  checkCount(size, "size");
  checkCount(step, "step");
  return ({ query, key }) => {
    const distance = query.sub(key);
    return distance
      .ge(0)
      .and(distance.lt(size * step))
      .and(distance.rem(step).eq(0));
  };
}

/**
 * Speculation of a tree: the step's tokens of a row are its nodes, which see the context and their ancestors. ancestors: an
 * integer [rows, nodes, nodes], not 0 where the second is an ancestor of the first or itself.
 */
export function treeAttention(ancestors: Readable): MaskMod {
  return ({ row, query, key, contextLength }) =>
    key
      .lt(contextLength)
      .or(
        ancestors.at(row, query.sub(contextLength), key.sub(contextLength)).ne(0).and(key.ge(contextLength)),
      );
}

/** Keys that all masks show. */
export function and(...masks: readonly MaskMod[]): MaskMod {
  const checked = checkMasks(masks);
  return (position) => checked.map((mask) => mask(position)).reduce(both);
}

/** Keys that one of the masks shows. */
export function or(...masks: readonly MaskMod[]): MaskMod {
  const checked = checkMasks(masks);
  return (position) => checked.map((mask) => mask(position)).reduce(either);
}

/** Keys that the mask hides. */
export function not(mask: MaskMod): MaskMod {
  const [checked] = checkMasks([mask]);
  return (position) => inverted(checked!(position));
}

/** ALiBi: adds slopes[head] times the key's position relative to the query's. slopes: float32 [heads]. */
export function alibi(slopes: Readable): ScoreMod {
  return (score, { head, query, key }) => score.add(slopes.at(head).mul(key.sub(query)));
}

/** Adds biases[head, query - key], 0 beyond the tensor: learned biases of the distance. float32 [heads, distances]. */
export function relativeBias(biases: Readable): ScoreMod {
  return (score, { head, query, key }) => score.add(biases.at(head, query.sub(key)));
}

/** Scores become cap * tanh(score / cap). */
export function softCap(cap: number): ScoreMod {
  if (typeof cap !== "number" || !(cap >= 2 ** -126) || cap > 2 ** 126) {
    throw invalidArgument("cap", "a number from 2^-126 to 2^126", cap);
  }
  // A quotient takes ten times the instructions of a product.
  const reciprocal = 1 / Math.fround(cap);
  return (score) => score.mul(reciprocal).tanh().mul(cap);
}

/** Score functions one after the other: each gets the score of the one before it. */
export function chain(...mods: readonly ScoreMod[]): ScoreMod {
  if (mods.length === 0 || mods.some((mod) => typeof mod !== "function")) {
    throw invalidArgument("mods", "one or more score functions", mods);
  }
  return (score, position) =>
    mods.reduce((soFar: FlexValue, mod) => mod(soFar, position) as FlexValue, score);
}

function both(one: FlexValue | boolean, other: FlexValue | boolean): FlexValue | boolean {
  if (typeof one !== "boolean") return one.and(other);
  return typeof other === "boolean" ? one && other : other.and(one);
}

function either(one: FlexValue | boolean, other: FlexValue | boolean): FlexValue | boolean {
  if (typeof one !== "boolean") return one.or(other);
  return typeof other === "boolean" ? one || other : other.or(one);
}

function inverted(value: FlexValue | boolean): FlexValue | boolean {
  return typeof value === "boolean" ? !value : value.not();
}

function checkMasks(masks: readonly MaskMod[]): readonly MaskMod[] {
  if (masks.length > 0 && masks.every((mask) => typeof mask === "function")) return masks;
  throw invalidArgument("masks", "one or more mask functions", masks);
}

function checkCount(value: number, argument: string): void {
  if (Number.isInteger(value) && value > 0 && value < 2 ** 31) return;
  throw invalidArgument(argument, "a positive integer below 2^31", value);
}
