import fc from "fast-check";
import {
  absOf,
  BOOL_BY_BOOLS,
  BOOL_BY_NUMBERS,
  type Expression,
  FLOAT_BY_FLOATS,
  fromBool,
  INT_BY_INTS,
  type Maker,
  type Numbers,
  not,
  select,
  type Type,
  tanh,
  toFloat,
  toInt,
} from "./flex-operations.js";
import { TABLES } from "./flex-tables.js";

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
