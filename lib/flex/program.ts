import { type Captured, type Graph, type Node, reachable } from "./graph.js";
import { hasNumber, INPUT_NAMES, OPERATION_NAMES } from "./operations.js";
import { allocate, inOrder, type Placed } from "./registers.js";

/** Registers of a value for each key: on the device eight elements of a lane each. */
export const KEY_REGISTERS = 16;
/** Registers of a value for each row. */
export const ROW_REGISTERS = 32;

/** The operand code of row register 0, and that of the instruction's own number. */
const [ROW_OPERAND, NUMBER_OPERAND] = [128, 255];
/** Codes of instructions that are no operations; those of operations follow. Words of 0 end a section. */
const [CONSTANT, INPUT, OPERATION] = [1, 2, 3];
/** The number of an instruction's 32-bit words. */
export const INSTRUCTION_WORDS = 2;
/** Instructions that the device fetches at once: sections are whole multiples of it. */
const FETCHED = 8;

/** A run of instructions with one result. */
export interface Section {
  readonly placed: readonly Placed[];
  /** The node of the result; null: the section has none. */
  readonly root: Node | null;
  /** The operand code of the result. */
  readonly result: number;
}

/**
 * A score and a mask function as instructions. The row section is computed once for each row, before its keys; the others
 * for each key, and read what it has left.
 */
export class Program {
  readonly tensors: readonly Captured[];
  readonly row: Section;
  /** The mask: a bool; without a root every key within the sequence is seen. */
  readonly mask: Section;
  /** The score, a float32; without a root it stays as it is. */
  readonly score: Section;
  readonly #operands = new Map<Node, number>();

  /** ERR_FLEX_TRACE where it needs too many registers. */
  constructor(
    readonly graph: Graph,
    readonly roots: { readonly mask: Node | null; readonly score: Node | null },
  ) {
    const all = [roots.mask, roots.score].filter((root) => root !== null);
    const kept = new Set(all.filter(({ perKey }) => !perKey));
    for (const { perKey, operands } of reachable(graph, all)) {
      for (const one of operands) if (perKey && !one.perKey && one.kind !== "constant") kept.add(one);
    }
    this.tensors = graph.tensors;
    const rows = allocate(inOrder([...kept], stored), kept, ROW_REGISTERS, "values of a row");
    for (const { node, register } of rows) this.#operands.set(node, ROW_OPERAND + register);
    this.row = { placed: rows, root: null, result: 0 };
    this.mask = this.#keySection(roots.mask);
    this.score = this.#keySection(roots.score);
  }

  /** Whether the mask differs between heads. */
  get isMaskPerHead(): boolean {
    const { mask } = this.roots;
    if (mask === null) return false;
    return reachable(this.graph, [mask]).some(({ input }) => input === "head" || input === "kvHead");
  }

  /** Throws ERR_DISPOSED where a tensor that it reads is gone. */
  check(): void {
    for (const tensor of this.tensors) void tensor.pointer;
  }

  #keySection(root: Node | null): Section {
    if (root === null) return { placed: [], root, result: 0 };
    if (!root.perKey) return { placed: [], root, result: this.#operands.get(root)! };
    const computed = (node: Node) => stored(node).filter(({ perKey, kind }) => perKey || kind === "constant");
    const placed = allocate(inOrder([root], computed), new Set([root]), KEY_REGISTERS, "values of a key");
    return { placed, root, result: placed.find(({ node }) => node === root)!.register };
  }

  /** The instructions of a section, two words each: code, result, operands a and b; then the immediate, or operand c. */
  words({ placed }: Section): Uint32Array {
    const registers = new Map(placed.map(({ node, register }) => [node, register]));
    const inRows = placed === this.row.placed ? ROW_OPERAND : 0;
    const length = Math.ceil((placed.length + 1) / FETCHED) * FETCHED;
    const words = new Uint32Array(INSTRUCTION_WORDS * length);
    for (const [at, { node, register }] of placed.entries()) {
      const codes = node.operands.map((operand) => {
        if (takesNumber(node, operand)) return NUMBER_OPERAND!;
        const own = registers.get(operand);
        return own === undefined ? this.#operands.get(operand)! : inRows + own;
      });
      const [a = NUMBER_OPERAND!, b = NUMBER_OPERAND!, c] = codes;
      words[2 * at] = codeOf(node) | (register << 8) | (a << 16) | (b << 24);
      words[2 * at + 1] = c ?? numberOf(node.operands.find((operand) => takesNumber(node, operand)) ?? node);
    }
    return words;
  }
}

/** Whether an operation takes a constant from its instruction. */
function takesNumber({ operation, operands }: Node, operand: Node): boolean {
  return operand.kind === "constant" && operands.length < 3 && !hasNumber(operation!);
}

/** The operands of a node that lie in registers. */
function stored(node: Node): Node[] {
  return node.operands.filter((operand) => !takesNumber(node, operand));
}

function codeOf({ kind, operation }: Node): number {
  if (kind === "constant") return CONSTANT!;
  if (kind === "input") return INPUT!;
  return OPERATION! + OPERATION_NAMES.indexOf(operation!);
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The number of an instruction: the code of an input, the bits of a constant, or what an operation has beside operands. */
export function numberOf({ kind, type, input, immediate }: Node): number {
  if (kind === "input") return INPUT_NAMES.indexOf(input!);
  if (type !== "float32" || kind !== "constant") return immediate >>> 0;
  float[0] = immediate;
  return bits[0]!;
}

/** Words of the header: where each section begins, in words from the start, and the operands of the results. */
const HEADER_WORDS = 16;

/**
 * A program as the device reads it: a header, the addresses of the tensors, then the sections. Header: where the row, mask
 * and score sections begin in words (0: there is none), the operands of mask and score.
 */
export function imageOf(program: Program): Uint8Array {
  const { tensors, row, mask, score } = program;
  const sections = [row, mask, score].map((section) => program.words(section));
  const first = HEADER_WORDS + Math.ceil((2 * tensors.length) / HEADER_WORDS) * HEADER_WORDS;
  const words = new Uint32Array(first + sections.reduce((sum, { length }) => sum + length, 0));
  let at = first;
  for (const [i, section] of sections.entries()) {
    words[i] = i === 0 || [mask, score][i - 1]!.root !== null ? at : 0;
    words.set(section, at);
    at += section.length;
  }
  words[3] = mask.result;
  words[4] = score.result;
  const addresses = new BigUint64Array(words.buffer, 4 * HEADER_WORDS, tensors.length);
  for (const [i, { pointer }] of tensors.entries()) addresses[i] = pointer;
  return new Uint8Array(words.buffer);
}
