import fc from "fast-check";
import type { FlexPosition } from "../../lib/flex/trace.js";
import type { FlexValue } from "../../lib/flex/value.js";
import type { DType } from "../../lib/index.js";
import type { ScorePosition } from "./reference.js";

/** A random expression: `trace` makes it of traced values, `compute` of numbers, each in its own way. */
export interface Expression {
  readonly text: string;
  readonly type: "int" | "float" | "bool";
  readonly fromScore: boolean;
  trace(at: Traced): FlexValue;
  compute(at: Numbers): number;
}

/** A captured tensor of an expression. */
export interface Table {
  readonly dtype: Extract<DType, "int32" | "uint8" | "float32" | "float16" | "bfloat16">;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export interface Traced extends FlexPosition {
  readonly score?: FlexValue;
  readonly tensors: readonly { at(...indices: readonly FlexValue[]): FlexValue }[];
}

export interface Numbers extends ScorePosition {
  readonly score: number;
}

/** Tables that expressions read: of every dtype, with one to three dimensions. */
export const TABLES: readonly Table[] = [
  { dtype: "int32", shape: [4, 40], values: Array.from({ length: 160 }, (_, i) => ((i * 7) % 11) - 3) },
  { dtype: "float32", shape: [8], values: Array.from({ length: 8 }, (_, i) => 2 ** -i - 0.25) },
  { dtype: "uint8", shape: [2, 3, 5], values: Array.from({ length: 30 }, (_, i) => (i * 37) % 256) },
  { dtype: "bfloat16", shape: [16], values: Array.from({ length: 16 }, (_, i) => (i - 8) / 4) },
  { dtype: "float16", shape: [3, 7], values: Array.from({ length: 21 }, (_, i) => (i - 10) / 8) },
];

type Type = Expression["type"];
type Maker = (...operands: Expression[]) => Expression;

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

const INT_BY_INTS: Maker[] = [
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
const FLOAT_BY_FLOATS: Maker[] = [
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
const BOOL_BY_NUMBERS: Maker[] = [
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
const BOOL_BY_BOOLS: Maker[] = [
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
const absOf = (type: Type) =>
  operation(
    type,
    "abs",
    (a) => a!.abs(),
    (_, a) => (type === "int" ? Math.abs(a!) | 0 : Math.abs(a!)),
  );
const not = operation(
  "bool",
  "not",
  (a) => a!.not(),
  (_, a) => (a ? 0 : 1),
);
const toFloat = operation(
  "float",
  "float32",
  (a) => a!.toFloat32(),
  (_, a) => Math.fround(a!),
);
const fromBool = operation(
  "int",
  "int32",
  (a) => a!.toInt32(),
  (_, a) => a!,
);
const tanh = operation(
  "float",
  "tanh",
  (a) => a!.tanh(),
  (_, a) => Math.tanh(a!),
);
const select = (type: Type) =>
  operation(
    type,
    "select",
    (c, a, b) => c!.select(a!, b!),
    (_, c, a, b) => (c ? a! : b!),
  );

/** The integer nearest to 0 of a float that is well within int32. */
const toInt = operation(
  "int",
  "int32",
  (a) => a!.max(-1e6).min(1e6).toInt32(),
  (_, a) => Math.trunc(Math.max(-1e6, Math.min(1e6, a!))) | 0,
);

function input(name: keyof Numbers): Expression {
  return {
    ...{ text: name, type: name === "score" ? "float" : "int", fromScore: name === "score" },
    trace: (at) => at[name]!,
    compute: (at) => at[name],
  };
}

/** A number beside an input that takes its type, without a change of that. */
function constant(type: Type, value: number): Expression {
  return {
    ...{ text: `${value}`, type, fromScore: false },
    trace: (at) =>
      type === "int" ? at.row.sub(at.row).add(value) : at.row.sub(at.row).toFloat32().add(value),
    compute: () => (type === "int" ? value : Math.fround(value)),
  };
}

function read(table: number, indices: readonly Expression[]): Expression {
  const { shape, values, dtype } = TABLES[table]!;
  return {
    text: `table${table}(${indices.map(({ text }) => text).join(", ")})`,
    type: dtype === "int32" || dtype === "uint8" ? "int" : "float",
    fromScore: false,
    trace: (at) => at.tensors[table]!.at(...indices.map((index) => index.trace(at))),
    compute: (at) => {
      let element = 0;
      for (const [i, size] of shape.entries()) {
        const index = indices[i]!.compute(at);
        if (index < 0 || index >= size) return 0;
        element = element * size + index;
      }
      return values[element]!;
    },
  };
}

const INTS = ["row", "head", "kvHead", "contextLength", "query", "key"] as const;

/**
 * Random expressions by type. Those of the kind "score" may use the score, and never decide by it: float32 and float64 may
 * differ there.
 */
export function expressions(kind: "score" | "mask") {
  return fc.letrec<{ int: Expression; float: Expression; bool: Expression }>((tie) => {
    const depth = { depthSize: "small" as const, maxDepth: 4 };
    const of = (makers: readonly Maker[], ...operands: ("int" | "float" | "bool")[]) =>
      fc
        .tuple(fc.constantFrom(...makers), ...operands.map((name) => tie(name)))
        .map(([maker, ...given]) => maker(...(given as Expression[])));
    const pure = (one: Expression) => !one.fromScore;
    const reads = (type: Type) =>
      fc.oneof(
        ...TABLES.flatMap(({ shape, dtype }, table) =>
          (dtype === "int32" || dtype === "uint8" ? "int" : "float") === type
            ? [
                fc
                  .tuple(...shape.map(() => tie("int")))
                  .map((indices) => read(table, indices as Expression[])),
              ]
            : [],
        ),
      );
    return {
      int: fc.oneof(
        depth,
        fc.constantFrom(...INTS.map(input)),
        fc.oneof(fc.integer({ min: -9, max: 300 }), fc.integer()).map((value) => constant("int", value)),
        of(INT_BY_INTS, "int", "int"),
        of(INT_BY_INTS, "int", "int"),
        of([absOf("int")], "int"),
        of([fromBool], "bool"),
        of([select("int")], "bool", "int", "int"),
        tie("float")
          .filter(pure as never)
          .map((one) => toInt(one as Expression)),
        reads("int"),
      ),
      float: fc.oneof(
        depth,
        fc.constantFrom(...(kind === "score" ? [input("score")] : []), toFloat(input("key"))),
        fc.double({ min: -4, max: 4, noNaN: true }).map((value) => constant("float", value)),
        of(FLOAT_BY_FLOATS, "float", "float"),
        of([absOf("float")], "float"),
        // Not rounded alike everywhere, so no index or mask hangs on it.
        ...(kind === "score" ? [of([tanh], "float").filter((one) => one.fromScore)] : []),
        of([toFloat], "int"),
        of([select("float")], "bool", "float", "float"),
        reads("float"),
      ),
      bool: fc.oneof(
        depth,
        of(BOOL_BY_NUMBERS, "int", "int"),
        of(BOOL_BY_NUMBERS, "int", "int"),
        fc
          .tuple(fc.constantFrom(...BOOL_BY_NUMBERS), tie("float"), tie("float"))
          .filter(([, a, b]) => pure(a as Expression) && pure(b as Expression))
          .map(([maker, a, b]) => maker(a as Expression, b as Expression)),
        of(BOOL_BY_BOOLS, "bool", "bool"),
        of([not], "bool"),
        of([select("bool")], "bool", "bool", "bool"),
      ),
    };
  });
}
