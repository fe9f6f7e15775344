import type { DType } from "../dtype.js";
import { RocmAttentionError } from "../errors.js";
import {
  type FlexType,
  INPUTS,
  type InputName,
  OPERATIONS,
  type OperationName,
  READS,
} from "./operations.js";

/** A device tensor as programs see it. */
export interface Captured {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly contiguous: boolean;
  readonly pointer: bigint;
  readonly device: unknown;
}

/** A value of a traced function: a constant, an input, or an operation on nodes that were made before it. */
export interface Node {
  readonly id: number;
  readonly type: FlexType;
  readonly kind: "constant" | "input" | "operation";
  readonly operation: OperationName | null;
  readonly input: InputName | null;
  readonly operands: readonly Node[];
  /** A constant's value, or the number of an operation. */
  readonly immediate: number;
  /** Whether it may differ between the keys of a row. */
  readonly perKey: boolean;
  /** Whether it depends on the score. */
  readonly fromScore: boolean;
}

/** The values of one pair of functions. Equal ones are one node, and what depends on nothing is computed at once. */
export class Graph {
  readonly nodes: Node[] = [];
  readonly tensors: Captured[] = [];
  readonly #known = new Map<string, Node>();

  constant(type: FlexType, value: number): Node {
    const rounded = type === "float32" ? Math.fround(value) : value;
    const text = Object.is(rounded, -0) ? "-0" : `${rounded}`;
    return this.#node(`${type} ${text}`, { type, kind: "constant", immediate: rounded });
  }

  input(name: InputName): Node {
    const perKey = name === "key" || name === "score";
    const fromScore = name === "score";
    return this.#node(name, { type: INPUTS[name], kind: "input", input: name, perKey, fromScore });
  }

  operation(name: OperationName, operands: readonly Node[], immediate = 0): Node {
    const { gives, apply } = OPERATIONS[name];
    if (!name.startsWith("read") && operands.every(({ kind }) => kind === "constant")) {
      const [a = 0, b = 0, c = 0] = operands.map((operand) => operand.immediate);
      return this.constant(gives, apply(Math.fround, a, b, c, immediate));
    }
    return this.#node(`${name} ${operands.map(({ id }) => id).join(" ")} ${immediate}`, {
      ...{ type: gives, kind: "operation", operation: name, operands, immediate },
      perKey: operands.some((operand) => operand.perKey),
      fromScore: operands.some((operand) => operand.fromScore),
    });
  }

  /** Element [indices] of a tensor that has been checked; 0 outside. */
  read(tensor: Captured, indices: readonly Node[]): Node {
    if (!this.tensors.includes(tensor)) this.tensors.push(tensor);
    const [first, ...others] = indices;
    let element =
      first === undefined
        ? this.constant("int32", 0)
        : this.operation("first_index", [first], tensor.shape[0]);
    for (const [i, index] of others.entries()) {
      element = this.operation("next_index", [element, index], tensor.shape[i + 1]);
    }
    return this.operation(READS[tensor.dtype]!, [element], this.tensors.indexOf(tensor));
  }

  #node(key: string, changes: Partial<Node>): Node {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const node = {
      ...({ id: this.nodes.length, type: "int32", kind: "constant", operation: null, input: null } as const),
      ...{ operands: [], immediate: 0, perKey: false, fromScore: false },
      ...changes,
    };
    this.nodes.push(node);
    this.#known.set(key, node);
    return node;
  }
}

/** The nodes that `roots` are computed from, themselves included, operands before what they are operands of. */
export function reachable(graph: Graph, roots: readonly Node[]): Node[] {
  const used = new Set(roots);
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    const node = graph.nodes[id]!;
    if (used.has(node)) for (const operand of node.operands) used.add(operand);
  }
  return graph.nodes.filter((node) => used.has(node));
}

export function traceError(message: string, cause?: unknown): RocmAttentionError {
  return new RocmAttentionError("ERR_FLEX_TRACE", message, cause === undefined ? {} : { cause });
}
