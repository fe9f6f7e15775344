import type { DType } from "../dtype.js";

/** The type of a traced value. A bool is 0 or 1 on the host and on the device. */
export type FlexType = "int32" | "float32" | "bool";

/** The rounding of a float operation's result: `Math.fround` as on the device, or none. */
export type Rounding = (value: number) => number;

/** One operation of programs. */
export interface Operation {
  readonly takes: readonly FlexType[];
  readonly gives: FlexType;
  /** The operation on the host. `immediate` is the instruction's number. */
  apply(round: Rounding, a: number, b: number, c: number, immediate: number): number;
  /** The text of the operation, from the texts of its operands. */
  text(a: string, b: string, c: string, immediate: number): string;
}

const [I, F, B]: readonly FlexType[] = ["int32", "float32", "bool"];

function infix(word: string): Operation["text"] {
  return (a, b) => `(${a} ${word} ${b})`;
}

function called(name: string): Operation["text"] {
  return (a, b) => `${name}(${b === "" ? a : `${a}, ${b}`})`;
}

function of(
  takes: readonly (FlexType | undefined)[],
  gives: FlexType | undefined,
  text: Operation["text"],
  apply: Operation["apply"],
): Operation {
  return { takes: takes as FlexType[], gives: gives!, text, apply };
}

const least: Operation["apply"] = (_, a, b) => (a < b ? a : b);
const most: Operation["apply"] = (_, a, b) => (a > b ? a : b);
const equal: Operation["apply"] = (_, a, b) => +(a === b);
const less: Operation["apply"] = (_, a, b) => +(a < b);
const lessOrEqual: Operation["apply"] = (_, a, b) => +(a <= b);
const choose: Operation["apply"] = (_, condition, a, b) => (condition !== 0 ? a : b);
const chosen: Operation["text"] = (condition, a, b) => `(${condition} ? ${a} : ${b})`;

/** Rounds down; 0 where b is 0. */
function quotient(a: number, b: number): number {
  return b === 0 ? 0 : Math.floor(a / b) | 0;
}

/** Towards 0, to the nearest int32 where it is out of range; 0 of NaN. */
function toInt32(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.min(Math.max(Math.trunc(value), -(2 ** 31)), 2 ** 31 - 1) | 0;
}

function read(gives: FlexType | undefined): Operation {
  return of(
    [I],
    gives,
    (a, _, __, tensor) => `tensor${tensor}[${a}]`,
    () => Number.NaN,
  );
}

/**
 * The operations, in the order of their codes, from 1 on: `kernels/hip/flex_operations.h` has the same list. int32 wraps;
 * float32 is IEEE's. Reads are the evaluator's matter.
 */
export const OPERATIONS = {
  add_i32: of([I, I], I, infix("+"), (_, a, b) => (a + b) | 0),
  sub_i32: of([I, I], I, infix("-"), (_, a, b) => (a - b) | 0),
  mul_i32: of([I, I], I, infix("*"), (_, a, b) => Math.imul(a, b)),
  div_i32: of([I, I], I, infix("div"), (_, a, b) => quotient(a, b)),
  rem_i32: of([I, I], I, infix("rem"), (_, a, b) => (b === 0 ? 0 : (a - Math.imul(quotient(a, b), b)) | 0)),
  min_i32: of([I, I], I, called("min"), least),
  max_i32: of([I, I], I, called("max"), most),
  abs_i32: of([I], I, called("abs"), (_, a) => Math.abs(a) | 0),
  eq_i32: of([I, I], B, infix("=="), equal),
  lt_i32: of([I, I], B, infix("<"), less),
  le_i32: of([I, I], B, infix("<="), lessOrEqual),
  select_i32: of([B, I, I], I, chosen, choose),
  add_f32: of([F, F], F, infix("+"), (round, a, b) => round(a + b)),
  sub_f32: of([F, F], F, infix("-"), (round, a, b) => round(a - b)),
  mul_f32: of([F, F], F, infix("*"), (round, a, b) => round(a * b)),
  div_f32: of([F, F], F, infix("/"), (round, a, b) => round(a / b)),
  rem_f32: of([F, F], F, infix("rem"), (round, a, b) => round(a - round(b * Math.floor(round(a / b))))),
  min_f32: of([F, F], F, called("min"), least),
  max_f32: of([F, F], F, called("max"), most),
  abs_f32: of([F], F, called("abs"), (_, a) => Math.abs(a)),
  exp_f32: of([F], F, called("exp"), (round, a) => round(Math.exp(a))),
  log_f32: of([F], F, called("log"), (round, a) => round(Math.log(a))),
  tanh_f32: of([F], F, called("tanh"), (round, a) => round(Math.tanh(a))),
  eq_f32: of([F, F], B, infix("=="), equal),
  lt_f32: of([F, F], B, infix("<"), less),
  le_f32: of([F, F], B, infix("<="), lessOrEqual),
  select_f32: of([B, F, F], F, chosen, choose),
  and: of([B, B], B, infix("and"), (_, a, b) => a & b),
  or: of([B, B], B, infix("or"), (_, a, b) => a | b),
  not: of([B], B, called("not"), (_, a) => 1 - a),
  select_bool: of([B, B, B], B, chosen, choose),
  i32_to_f32: of([I], F, called("float32"), (_, a) => Math.fround(a)),
  f32_to_i32: of([F], I, called("int32"), (_, a) => toInt32(a)),
  bool_to_i32: of([B], I, called("int32"), (_, a) => a),
  /** The index a of a dimension of `immediate` entries; -1 outside. */
  first_index: of(
    [I],
    I,
    (a) => a,
    (_, a, __, ___, size) => (a < 0 || a >= size ? -1 : a),
  ),
  /** The same in the next dimension: a is the element so far, b the index. */
  next_index: of(
    [I, I],
    I,
    (a, b) => `${a}, ${b}`,
    (_, a, b, __, size) => (a < 0 || b < 0 || b >= size ? -1 : a * size + b),
  ),
  // `immediate` is the tensor's number, a the element; 0 outside.
  read_i32: read(I),
  read_u8: read(I),
  read_f32: read(F),
  read_f16: read(F),
  read_bf16: read(F),
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;

export const OPERATION_NAMES = Object.keys(OPERATIONS) as readonly OperationName[];

/** Operations that give the same where their operands change places. */
const COMMUTATIVE: readonly OperationName[] = [
  ...(["add_i32", "mul_i32", "eq_i32", "add_f32", "mul_f32", "eq_f32", "and", "or"] as const),
];

export function isCommutative(name: OperationName): boolean {
  return COMMUTATIVE.includes(name);
}

/** Whether the number of an operation's instruction is its own, and so no constant that it takes. */
export function hasNumber(name: OperationName): boolean {
  return name.endsWith("_index") || name.startsWith("read_");
}

/** The reading operation of each dtype that a captured tensor may have. */
export const READS: Readonly<Partial<Record<DType, OperationName>>> = {
  int32: "read_i32",
  uint8: "read_u8",
  float32: "read_f32",
  float16: "read_f16",
  bfloat16: "read_bf16",
};

/** The values that programs are given, in the order of their codes. */
export const INPUTS = {
  row: "int32",
  head: "int32",
  kvHead: "int32",
  contextLength: "int32",
  query: "int32",
  key: "int32",
  score: "float32",
} as const satisfies Record<string, FlexType>;

export type InputName = keyof typeof INPUTS;
export const INPUT_NAMES = Object.keys(INPUTS) as readonly InputName[];
