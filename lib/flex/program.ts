import { type Captured, type Graph, type Node, reachable } from "./graph.js";
import { hasNumber, INPUT_NAMES } from "./operations.js";
import { allocate, inOrder, type Placed } from "./registers.js";

/** Registers of a value for each key: on the device eight elements of a lane each. */
export const KEY_REGISTERS = 12;
/** Registers of a value for each row. */
export const ROW_REGISTERS = 29;

/** The registers where sections find their inputs: those of rows, and those for each key. */
const ROW_INPUTS = INPUT_NAMES.slice(0, -2);
const KEY_INPUTS = INPUT_NAMES.slice(-2);

/** A run of instructions with one result. */
export interface Section {
  /** What is computed, in order; the last one is the result. */
  readonly placed: readonly Placed[];
  /** The node of the result; null: the section has none. */
  readonly root: Node | null;
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
  /** The registers of what is computed once a row. */
  readonly rowRegisters: ReadonlyMap<Node, number>;

  /** ERR_FLEX_TRACE where it needs too many registers. */
  constructor(
    readonly graph: Graph,
    readonly roots: { readonly mask: Node | null; readonly score: Node | null },
  ) {
    const all = [roots.mask, roots.score].filter((root) => root !== null);
    const kept = new Set(all.filter(isOfRow));
    for (const { perKey, operands } of reachable(graph, all)) {
      for (const one of operands) if (perKey && isOfRow(one)) kept.add(one);
    }
    const inputs = inputRegisters(graph, ROW_INPUTS);
    this.tensors = graph.tensors;
    const order = inOrder(
      [...kept].filter((node) => !inputs.has(node)),
      (node) => stored(node).filter((operand) => !inputs.has(operand)),
    );
    for (const node of inputs.keys()) kept.add(node);
    const placed = allocate(order, inputs, kept, ROW_REGISTERS, "values of a row");
    this.row = { placed, root: null };
    this.rowRegisters = new Map([...inputs, ...registersOf(placed)]);
    this.mask = keySection(graph, roots.mask);
    this.score = keySection(graph, roots.score);
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

  /** The registers that the key and the score are given in, to sections for each key. */
  get keyInputs(): ReadonlyMap<Node, number> {
    return inputRegisters(this.graph, KEY_INPUTS);
  }
}

/** Values that nothing computes: each has the register of its place in the list. */
function inputRegisters(graph: Graph, names: readonly string[]): Map<Node, number> {
  const nodes = graph.nodes.filter(({ input }) => input !== null && names.includes(input));
  return new Map(nodes.map((node) => [node, names.indexOf(node.input!)]));
}

function keySection(graph: Graph, root: Node | null): Section {
  if (root === null) return { placed: [], root };
  const inputs = inputRegisters(graph, KEY_INPUTS);
  // An input, a constant or a value of the row is a result that is copied.
  if (root.kind !== "operation" || isOfRow(root)) return { placed: [{ node: root, register: null }], root };
  const computed = (node: Node) =>
    stored(node).filter((operand) => !inputs.has(operand) && !isOfRow(operand));
  const used = new Set(reachable(graph, [root]));
  const given = new Map([...inputs].filter(([node]) => used.has(node)));
  const order = inOrder([root], computed);
  return { placed: allocate(order, given, new Set(), KEY_REGISTERS, "values of a key"), root };
}

/** The registers of what has one. */
export function registersOf(placed: readonly Placed[]): Map<Node, number> {
  const kept = placed.filter(({ register }) => register !== null);
  return new Map(kept.map(({ node, register }) => [node, register!]));
}

/** Whether a value is computed once a row. Constants are where they are used, but for results. */
function isOfRow({ perKey, kind }: Node): boolean {
  return !perKey && kind !== "constant";
}

/** Whether an operation takes a constant from its instruction. */
export function takesNumber({ operation, operands }: Node, operand: Node): boolean {
  return operand.kind === "constant" && operands.length < 3 && !hasNumber(operation!);
}

/** The operands of a node that lie in registers. */
function stored(node: Node): Node[] {
  return node.operands.filter((operand) => !takesNumber(node, operand));
}
