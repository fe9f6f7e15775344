import type { Captured } from "./graph.js";
import type { Program } from "./program.js";
import type { FlexTexts } from "./trace.js";

/** Mask and score in the terms of attention's own options, which kernels have compiled in. */
export interface NativeForm {
  readonly causal: boolean;
  /** Tokens that a query sees, its own among them; null: all. */
  readonly window: number | null;
  readonly softCap: number | null;
  /** float32 [numHeads]. */
  readonly slopes: Captured | null;
}

const CAUSAL = /^key <= query$/;
const WINDOW = /^\(key <= query\) and \(\(query - key\) < (\d+)\)$/;
const SOFT_CAP = /^tanh\(\(score ([/*]) ([^()]+)\)\) \* ([^()]+)$/;
const ALIBI = /^(score|\(.*\)) \+ \(tensor(\d+)\[head\] \* float32\(\(key - query\)\)\)$/;

/**
 * The program in those terms, where its functions are a causal mask or a window, and a soft cap, ALiBi or the one after the
 * other; null: it is another. Equal functions have equal texts, whoever wrote them.
 */
export function nativeForm(texts: FlexTexts, program: Program, numHeads: number): NativeForm | null {
  const mask = nativeMask(texts.maskMod);
  const score = nativeScore(texts.scoreMod, program, numHeads);
  if (mask === null || score === null) return null;
  // The option's bias falls to both sides of a query, the function's only where keys do not stand ahead of it.
  if (score.slopes !== null && !mask.causal) return null;
  return { ...mask, ...score };
}

function nativeMask(text: string | null): Pick<NativeForm, "causal" | "window"> | null {
  if (text === null || text === "true") return { causal: false, window: null };
  if (CAUSAL.test(text)) return { causal: true, window: null };
  const size = WINDOW.exec(text)?.[1];
  return size === undefined ? null : { causal: true, window: Number(size) };
}

function nativeScore(
  text: string | null,
  { tensors }: Program,
  numHeads: number,
): Pick<NativeForm, "softCap" | "slopes"> | null {
  const [, before, tensor] = ALIBI.exec(text ?? "score") ?? [null, text ?? "score", null];
  const slopes = tensor === null ? null : tensors[Number(tensor)]!;
  if (slopes !== null && (slopes.dtype !== "float32" || slopes.shape[0] !== numHeads)) return null;
  if (before === "score") return { softCap: null, slopes };
  const [, operation, inner, outer] = SOFT_CAP.exec(before!.replace(/^\((.*)\)$/, "$1")) ?? [];
  const cap = Number(outer);
  const expected = operation === "/" ? cap : Math.fround(1 / cap);
  return cap > 0 && Number(inner) === expected ? { softCap: cap, slopes } : null;
}
