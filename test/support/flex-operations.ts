import type { FlexPosition } from "../../lib/flex/trace.js";
import type { FlexValue } from "../../lib/flex/value.js";
import type { ScorePosition } from "./reference.js";

/** A random expression: `trace` makes it of traced values, `compute` of numbers, each in its own way. */
export interface Expression {
  readonly text: string;
  readonly type: "int" | "float" | "bool";
  readonly fromScore: boolean;
  trace(at: Traced): FlexValue;
  compute(at: Numbers): number;
}

export interface Traced extends FlexPosition {
  readonly score?: FlexValue;
  readonly tensors: readonly { at(...indices: readonly FlexValue[]): FlexValue }[];
}

export interface Numbers extends ScorePosition {
  readonly score: number;
}

export type Type = Expression["type"];
export type Maker = (...operands: Expression[]) => Expression;

function operation(
  type: Type,
  name: string,
  trace: (...operands: FlexValue[]) => FlexValue,
  compute: (round: (value: number) => number, ...operands: number[]) => number,
): Maker {
  return (...operands) => {
    const fromScore = operands.some((operand) => operand.fromScore);
    const round = type === "float" && !fromScore ? Math.fround : Number;
    return {
      ...{ text: `${name}(${operands.map(({ text }) => text).join(", ")})`, type, fromScore },
      trace: (at) => trace(...operands.map((operand) => operand.trace(at))),
      compute: (at) => compute(round, ...operands.map((operand) => operand.compute(at))),
    };
  };
}

/** int32 arithmetic in exact integers. */
const wrapped = (value: bigint) => Number(BigInt.asIntN(32, value));
const exact = (compute: (a: bigint, b: bigint) => bigint) => (_: unknown, a?: number, b?: number) =>
  wrapped(compute(BigInt(a!), BigInt(b ?? 0)));
function floorDiv(a: bigint, b: bigint): bigint {
  if (b === 0n) return 0n;
  return a / b - (a % b !== 0n && a < 0n !== b < 0n ? 1n : 0n);
}

export const INT_BY_INTS: Maker[] = [
  operation(
    "int",
    "add",
    (a, b) => a!.add(b!),
    exact((a, b) => a + b),
  ),
  operation(
    "int",
    "sub",
    (a, b) => a!.sub(b!),
    exact((a, b) => a - b),
  ),
  operation(
    "int",
    "mul",
    (a, b) => a!.mul(b!),
    exact((a, b) => a * b),
  ),
  operation("int", "div", (a, b) => a!.div(b!), exact(floorDiv)),
  operation(
    "int",
    "rem",
    (a, b) => a!.rem(b!),
    exact((a, b) => (b === 0n ? 0n : a - b * floorDiv(a, b))),
  ),
  operation(
    "int",
    "min",
    (a, b) => a!.min(b!),
    exact((a, b) => (a < b ? a : b)),
  ),
  operation(
    "int",
    "max",
    (a, b) => a!.max(b!),
    exact((a, b) => (a > b ? a : b)),
  ),
];
export const FLOAT_BY_FLOATS: Maker[] = [
  operation(
    "float",
    "add",
    (a, b) => a!.add(b!),
    (round, a, b) => round(a! + b!),
  ),
  operation(
    "float",
    "sub",
    (a, b) => a!.sub(b!),
    (round, a, b) => round(a! - b!),
  ),
  operation(
    "float",
    "mul",
    (a, b) => a!.mul(b!),
    (round, a, b) => round(a! * b!),
  ),
  operation(
    "float",
    "min",
    (a, b) => a!.min(b!),
    (_, a, b) => Math.min(a!, b!),
  ),
  operation(
    "float",
    "max",
    (a, b) => a!.max(b!),
    (_, a, b) => Math.max(a!, b!),
  ),
];
export const BOOL_BY_NUMBERS: Maker[] = [
  operation(
    "bool",
    "eq",
    (a, b) => a!.eq(b!),
    (_, a, b) => (a === b ? 1 : 0),
  ),
  operation(
    "bool",
    "ne",
    (a, b) => a!.ne(b!),
    (_, a, b) => (a !== b ? 1 : 0),
  ),
  operation(
    "bool",
    "lt",
    (a, b) => a!.lt(b!),
    (_, a, b) => (a! < b! ? 1 : 0),
  ),
  operation(
    "bool",
    "le",
    (a, b) => a!.le(b!),
    (_, a, b) => (a! <= b! ? 1 : 0),
  ),
  operation(
    "bool",
    "gt",
    (a, b) => a!.gt(b!),
    (_, a, b) => (a! > b! ? 1 : 0),
  ),
  operation(
    "bool",
    "ge",
    (a, b) => a!.ge(b!),
    (_, a, b) => (a! >= b! ? 1 : 0),
  ),
];
export const BOOL_BY_BOOLS: Maker[] = [
  operation(
    "bool",
    "and",
    (a, b) => a!.and(b!),
    (_, a, b) => (a && b ? 1 : 0),
  ),
  operation(
    "bool",
    "or",
    (a, b) => a!.or(b!),
    (_, a, b) => (a || b ? 1 : 0),
  ),
];
export const absOf = (type: Type) =>
  operation(
    type,
    "abs",
    (a) => a!.abs(),
    (_, a) => (type === "int" ? Math.abs(a!) | 0 : Math.abs(a!)),
  );
export const not = operation(
  "bool",
  "not",
  (a) => a!.not(),
  (_, a) => (a ? 0 : 1),
);
export const toFloat = operation(
  "float",
  "float32",
  (a) => a!.toFloat32(),
  (_, a) => Math.fround(a!),
);
export const fromBool = operation(
  "int",
  "int32",
  (a) => a!.toInt32(),
  (_, a) => a!,
);
export const tanh = operation(
  "float",
  "tanh",
  (a) => a!.tanh(),
  (_, a) => Math.tanh(a!),
);
export const select = (type: Type) =>
  operation(
    type,
    "select",
    (c, a, b) => c!.select(a!, b!),
    (_, c, a, b) => (c ? a! : b!),
  );

/** The integer nearest to 0 of a float that is well within int32. */
export const toInt = operation(
  "int",
  "int32",
  (a) => a!.max(-1e6).min(1e6).toInt32(),
  (_, a) => Math.trunc(Math.max(-1e6, Math.min(1e6, a!))) | 0,
);
