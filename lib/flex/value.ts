import { describe } from "../errors.js";
import { type Captured, Graph, type Node, traceError } from "./graph.js";
import { type FlexType, INPUT_NAMES, type OperationName, READS } from "./operations.js";
import { shortText } from "./text.js";

/** The most elements of a captured tensor: programs count them in int32. */
const MAX_ELEMENTS = 2 ** 31 - 1;

/** The graph of the functions that are traced now. */
let current: Graph | null = null;

/** An operand: a traced value, or a number (an int32 where it is one and the other operand is not a float32). */
export type FlexOperand = FlexValue | number;

/**
 * A value that a score or mask function computes with: int32, float32 or bool. An int32 becomes a float32 beside one; nothing
 * else changes its type by itself. int32 wraps, float32 is rounded after every operation.
 */
export class FlexValue {
  /** @internal */
  constructor(
    /** @internal */
    readonly graph: Graph,
    /** @internal */
    readonly node: Node,
  ) {}

  /** The type of the value: "int32", "float32" or "bool". */
  get type(): FlexType {
    return this.node.type;
  }

  /** The sum. */
  add(other: FlexOperand): FlexValue {
    return arithmetic("add", this, other);
  }
  /** The difference. */
  sub(other: FlexOperand): FlexValue {
    return arithmetic("sub", this, other);
  }
  /** The product. */
  mul(other: FlexOperand): FlexValue {
    return arithmetic("mul", this, other);
  }
  /** The quotient; of two int32 rounded down, and 0 where `other` is 0. */
  div(other: FlexOperand): FlexValue {
    return arithmetic("div", this, other);
  }
  /** The remainder of a division that rounds down: it has the sign of `other`. Of two int32 0 where `other` is 0. */
  rem(other: FlexOperand): FlexValue {
    return arithmetic("rem", this, other);
  }
  /** The smaller of the two; `other` where they are unordered. */
  min(other: FlexOperand): FlexValue {
    return arithmetic("min", this, other);
  }
  /** The larger of the two; `other` where they are unordered. */
  max(other: FlexOperand): FlexValue {
    return arithmetic("max", this, other);
  }
  /** The absolute value. */
  abs(): FlexValue {
    return this.type === "int32" ? apply("abs_i32", this) : apply("abs_f32", floatOf(this, "abs"));
  }
  /** e to the power of this. */
  exp(): FlexValue {
    return apply("exp_f32", floatOf(this, "exp"));
  }
  /** The natural logarithm. */
  log(): FlexValue {
    return apply("log_f32", floatOf(this, "log"));
  }
  /** The hyperbolic tangent. */
  tanh(): FlexValue {
    return apply("tanh_f32", floatOf(this, "tanh"));
  }

  /** Whether the two are equal. */
  eq(other: FlexOperand): FlexValue {
    return arithmetic("eq", this, other);
  }
  /** Whether the two differ. */
  ne(other: FlexOperand): FlexValue {
    return this.eq(other).not();
  }
  /** Whether this is less. */
  lt(other: FlexOperand): FlexValue {
    return arithmetic("lt", this, other);
  }
  /** Whether this is less or equal. */
  le(other: FlexOperand): FlexValue {
    return arithmetic("le", this, other);
  }
  /** Whether this is greater. */
  gt(other: FlexOperand): FlexValue {
    return arithmetic("lt", operandOf(other, this, "gt"), this);
  }
  /** Whether this is greater or equal. */
  ge(other: FlexOperand): FlexValue {
    return arithmetic("le", operandOf(other, this, "ge"), this);
  }

  /** Whether both hold. */
  and(other: FlexValue | boolean): FlexValue {
    return apply("and", boolOf(this, "and"), boolOf(other, "and"));
  }
  /** Whether one of the two holds. */
  or(other: FlexValue | boolean): FlexValue {
    return apply("or", boolOf(this, "or"), boolOf(other, "or"));
  }
  /** Whether this does not hold. */
  not(): FlexValue {
    return apply("not", boolOf(this, "not"));
  }
  /** `yes` where this bool is true, else `no`. */
  select(yes: FlexOperand | boolean, no: FlexOperand | boolean): FlexValue {
    const condition = boolOf(this, "select");
    if (isBool(yes) && isBool(no)) {
      return apply("select_bool", condition, boolOf(yes, "select"), boolOf(no, "select"));
    }
    const [a, b] = alike(yes as FlexOperand, no as FlexOperand, "select");
    return apply(a.type === "int32" ? "select_i32" : "select_f32", condition, a, b);
  }

  /** This as float32. */
  toFloat32(): FlexValue {
    return floatOf(this, "toFloat32");
  }
  /** Of a float32 towards 0, to the nearest int32 where it is out of range, NaN to 0; of a bool 0 or 1. */
  toInt32(): FlexValue {
    if (this.type === "int32") return this;
    return apply(this.type === "bool" ? "bool_to_i32" : "f32_to_i32", this);
  }

  /** @internal JavaScript's own operators would need a value that there is none of yet. */
  [Symbol.toPrimitive](): never {
    throw traceError(
      `${shortText(this.node)} has no value while it is traced: expected the methods of traced values (add, lt, select, ...) ` +
        "instead of JavaScript's operators, comparisons and texts",
    );
  }
}

/** Traces what `run` does with the inputs of its functions. */
export function traced<T>(run: (graph: Graph, inputs: Record<string, FlexValue>) => T): T {
  if (current !== null) throw traceError("expected no attention to be made within a traced function");
  const graph = new Graph();
  current = graph;
  try {
    const inputs = INPUT_NAMES.map((name) => [name, new FlexValue(graph, graph.input(name))]);
    return run(graph, Object.fromEntries(inputs));
  } finally {
    current = null;
  }
}

/** The element of a device tensor at traced indices, as many as it has dimensions; 0 where one is out of range. */
export function readTensor(tensor: Captured, indices: readonly unknown[]): FlexValue {
  if (current === null) throw traceError("expected .at() of a tensor within a traced function alone");
  const { shape, dtype } = tensor;
  const what = `a ${dtype} tensor [${shape.join(", ")}]`;
  void tensor.pointer; // ERR_DISPOSED
  const elements = shape.reduce((product, size) => product * size, 1);
  if (READS[dtype] === undefined) {
    throw traceError(`expected a tensor of ${Object.keys(READS).join(", ")} for .at(), received ${what}`);
  }
  if (!tensor.contiguous || elements === 0 || elements > MAX_ELEMENTS) {
    throw traceError(
      `expected a contiguous tensor of 1 to 2^31 - 1 elements for .at(), received ${what} of ${elements}`,
    );
  }
  if (indices.length !== shape.length) {
    throw traceError(`expected ${shape.length} indices for .at() of ${what}, received ${indices.length}`);
  }
  const nodes = indices.map((index, i) => {
    const { node } =
      typeof index === "number" ? constantOf(index, "int32", ".at()") : checked(index, ".at()");
    if (node.type !== "int32") {
      throw traceError(
        `expected int32 indices for .at() of ${what}, received ${node.type} ${shortText(node)}`,
      );
    }
    if (node.kind === "constant" && (node.immediate < 0 || node.immediate >= shape[i]!)) {
      throw traceError(`expected indices within ${what} for .at(), received ${node.immediate}`);
    }
    return node;
  });
  return new FlexValue(current, current.read(tensor, nodes));
}

/** The result of a traced function, as the type that it must have. */
export function resultOf(value: unknown, type: "float32" | "bool", name: string): FlexValue {
  return type === "bool" ? boolOf(value, name) : floatOf(operandOf(value, null, name), name);
}

function arithmetic(name: string, one: FlexValue, other: FlexOperand): FlexValue {
  const [a, b] = alike(one, other, name);
  return apply(`${name}_${a.type === "int32" ? "i32" : "f32"}` as OperationName, a, b);
}

function apply(name: OperationName, ...operands: readonly FlexValue[]): FlexValue {
  const nodes = operands.map(({ node }) => node);
  return new FlexValue(current!, current!.operation(name, nodes));
}

/** Two operands in one type: int32 unless one of them is a float32. */
function alike(one: FlexOperand, other: FlexOperand, name: string): [FlexValue, FlexValue] {
  const a =
    typeof one === "number" && other instanceof FlexValue
      ? operandOf(one, other, name)
      : operandOf(one, null, name);
  const b = operandOf(other, a, name);
  for (const operand of [a, b]) {
    if (operand.type === "bool") {
      throw traceError(`expected numbers for ${name}, received the bool ${shortText(operand.node)}`);
    }
  }
  return a.type === b.type ? [a, b] : [floatOf(a, name), floatOf(b, name)];
}

/** A number beside another operand: an int32 where it is one, unless the other is a float32. */
function operandOf(value: unknown, beside: FlexValue | null, name: string): FlexValue {
  if (typeof value !== "number") return checked(value, name);
  const isInt = Number.isInteger(value) && beside?.type !== "float32";
  return constantOf(value, isInt ? "int32" : "float32", name);
}

function constantOf(value: number, type: FlexType, name: string): FlexValue {
  if (current === null) throw traceError(`${name} was called outside a traced function`);
  if (type === "int32" && (value | 0) !== value) {
    throw traceError(`expected an integer between -2^31 and 2^31 - 1 for ${name}, received ${value}`);
  }
  return new FlexValue(current, current.constant(type, Object.is(value, -0) && type === "int32" ? 0 : value));
}

function isBool(value: unknown): boolean {
  return typeof value === "boolean" || (value instanceof FlexValue && value.type === "bool");
}

function boolOf(value: unknown, name: string): FlexValue {
  if (typeof value === "boolean" && current !== null) {
    return new FlexValue(current, current.constant("bool", value ? 1 : 0));
  }
  const given = checked(value, name);
  if (given.type === "bool") return given;
  throw traceError(`expected a bool for ${name}, received ${given.type} ${shortText(given.node)}`);
}

function floatOf(value: FlexValue, name: string): FlexValue {
  const given = checked(value, name);
  if (given.type === "float32") return given;
  if (given.type === "int32") return apply("i32_to_f32", given);
  throw traceError(`expected a number for ${name}, received the bool ${shortText(given.node)}`);
}

/** A value of the functions that are traced now. */
function checked(value: unknown, name: string): FlexValue {
  if (!(value instanceof FlexValue)) {
    throw traceError(`expected a traced value for ${name}, received ${describe(value)}`);
  }
  if (value.graph === current) return value;
  throw traceError(
    `expected values of the function that is traced for ${name}, received ${shortText(value.node)} of another`,
  );
}
