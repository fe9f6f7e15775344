import type { Node } from "./graph.js";
import { OPERATION_NAMES } from "./operations.js";
import { type Program, ROW_REGISTERS, registersOf, type Section, takesNumber } from "./program.js";

// A program as kernels/hip/flex_program.h reads it.

/** Codes of operands, beside those of registers of values for each key, from 0 on. */
const ROW_OPERAND = 128;
const [NO_OPERAND, LAST_OPERAND, NUMBER_OPERAND] = [0, 1, 2].map((i) => ROW_OPERAND + ROW_REGISTERS + i) as [
  number,
  number,
  number,
];
/** The register of a result that the next instruction takes. */
const NO_REGISTER = ROW_REGISTERS;
/** Codes of instructions: the one that gives its operand, then the operations. */
const [COPY, OPERATION] = [0, 1] as const;
/** An instruction's 32-bit words. */
const INSTRUCTION_WORDS = 2;
/** Instructions that begin at whole multiples of it: a fetch reads one behind the last. */
const SECTION_INSTRUCTIONS = 8;
/** Words of the header: for the row, mask and score sections where each begins, in words, and how many instructions it has. */
const HEADER_WORDS = 16;

/** The image of a program in memory: a header, the addresses of the tensors, then the sections. */
export function imageOf(program: Program): Uint8Array {
  const { tensors, row, mask, score } = program;
  const sections = [row, mask, score];
  const codes = sections.map((section) => instructionsOf(program, section));
  const first = HEADER_WORDS + Math.ceil((2 * tensors.length) / HEADER_WORDS) * HEADER_WORDS;
  const words = new Uint32Array(first + codes.reduce((sum, { length }) => sum + length, 0));
  let at = first;
  for (const [i, code] of codes.entries()) {
    words.set([at, sections[i]!.placed.length], 2 * i);
    words.set(code, at);
    at += code.length;
  }
  const addresses = new BigUint64Array(words.buffer, 4 * HEADER_WORDS, tensors.length);
  for (const [i, { pointer }] of tensors.entries()) addresses[i] = pointer;
  return new Uint8Array(words.buffer);
}

/** The instructions of a section, two words each: code, result, operands a and b; then the immediate, or operand c. */
function instructionsOf(program: Program, { placed }: Section): Uint32Array {
  const isRow = placed === program.row.placed;
  const own = registersOf(placed);
  const inputs = isRow ? program.rowRegisters : program.keyInputs;
  /** The code of a value that is no constant, or one that was computed before; the last of all was `before`. */
  const codeOf = (operand: Node, before: Node | undefined): number => {
    if (operand === before && !own.has(operand)) return LAST_OPERAND;
    const register = own.get(operand) ?? inputs.get(operand);
    if (register !== undefined) return isRow ? ROW_OPERAND + register : register;
    return ROW_OPERAND + program.rowRegisters.get(operand)!;
  };
  const length = Math.ceil((placed.length + 1) / SECTION_INSTRUCTIONS) * SECTION_INSTRUCTIONS;
  const words = new Uint32Array(INSTRUCTION_WORDS * length);
  for (const [at, { node, register }] of placed.entries()) {
    const before = placed[at - 1]?.node;
    const isCopy = node.kind !== "operation" || (!isRow && !node.perKey);
    const operands = isCopy
      ? []
      : node.operands.map((operand) =>
          takesNumber(node, operand) ? NUMBER_OPERAND : codeOf(operand, before),
        );
    let [a = LAST_OPERAND, b = NO_OPERAND] = operands;
    if (isCopy) a = node.kind === "constant" ? NUMBER_OPERAND : codeOf(node, undefined);
    else if (b === LAST_OPERAND) [a, b] = [b, a]; // of an operation to which it is the same
    const code = isCopy ? COPY : OPERATION + OPERATION_NAMES.indexOf(node.operation!);
    words[INSTRUCTION_WORDS * at] = code | ((register ?? NO_REGISTER) << 8) | (a << 16) | (b << 24);
    const number = isCopy ? node : (node.operands.find((operand) => takesNumber(node, operand)) ?? node);
    words[INSTRUCTION_WORDS * at + 1] = operands[2] ?? numberOf(number);
  }
  return words;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The number of an instruction: the bits of a constant, or what an operation has beside operands. */
export function numberOf({ kind, type, immediate }: Node): number {
  if (type !== "float32" || kind !== "constant") return immediate >>> 0;
  float[0] = immediate;
  return bits[0]!;
}
