import { describe, RocmAttentionError } from "../errors.js";
import { type Graph, type Node, reachable, traceError } from "./graph.js";
import { Program } from "./program.js";
import { fullText, shortText } from "./text.js";
import { type FlexValue, resultOf, traced } from "./value.js";

/** Where a score stands: positions count within the sequence, its context included. */
export interface FlexPosition {
  /** The sequence's row in the step. */
  readonly row: FlexValue;
  /** The query head. */
  readonly head: FlexValue;
  /** The head of key and value. */
  readonly kvHead: FlexValue;
  /** Tokens of the sequence before the step's. */
  readonly contextLength: FlexValue;
  /** The position of the query token. */
  readonly query: FlexValue;
  /** The position of the key. */
  readonly key: FlexValue;
}

/** A function from the scaled score to another, a float32. */
export type ScoreMod = (score: FlexValue, position: FlexPosition) => FlexValue | number;

/** A function that says whether the query sees the key. */
export type MaskMod = (position: FlexPosition) => FlexValue | boolean;

/** The functions of an attention as plain text. */
export interface FlexTexts {
  /** The program of `scoreMod`; null: there is none. */
  readonly scoreMod: string | null;
  /** The program of `maskMod`; null: there is none. */
  readonly maskMod: string | null;
}

const programs = new WeakMap<FlexTexts, Program>();

/** The program that belongs to the texts of a configuration. */
export function programOf(texts: FlexTexts): Program {
  return programs.get(texts)!;
}

/**
 * Calls each function once with traced values and makes the program of both; gives its texts, which stand for it. A bool
 * that was computed and is no part of a result would be a branch that JavaScript has taken, and is refused.
 * ERR_FLEX_TRACE.
 */
export function traceFunctions(functions: {
  readonly scoreMod?: ScoreMod | undefined;
  readonly maskMod?: MaskMod | undefined;
}): FlexTexts {
  const { scoreMod, maskMod } = functions;
  return traced((graph, { score, ...position }) => {
    const at = position as unknown as FlexPosition;
    const roots = {
      mask: maskMod === undefined ? null : trace(graph, "maskMod", "bool", () => maskMod(at)),
      score: scoreMod === undefined ? null : trace(graph, "scoreMod", "float32", () => scoreMod(score!, at)),
    };
    const text = (root: Node | null) => (root === null ? null : fullText(reachable(graph, [root]), root));
    const texts = { scoreMod: text(roots.score), maskMod: text(roots.mask) };
    programs.set(texts, new Program(graph, roots));
    return texts;
  });
}

function trace(graph: Graph, name: string, type: "bool" | "float32", call: () => unknown): Node {
  const before = graph.nodes.length;
  const { node } = resultOf(called(name, call), type, `the result of ${name}`);
  const used = new Set(reachable(graph, [node]));
  const stray = graph.nodes
    .slice(before)
    .find((one) => one.type === "bool" && one.kind === "operation" && !used.has(one));
  if (stray === undefined) return node;
  throw traceError(
    `${name} computes ${shortText(stray)}, which has no part in its result: a branch (if, ?:, &&, ||, !) cannot be ` +
      "traced. Use select, and, or, not",
  );
}

/** What a function returns; what it throws of its own becomes the cause. */
function called(name: string, call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    if (error instanceof RocmAttentionError) throw error;
    throw traceError(`${name} threw ${describe(error)}`, error);
  }
}
