import { type Node, traceError } from "./graph.js";
import { isCommutative } from "./operations.js";
import { shortText } from "./text.js";

/** A node with the register that its value goes to; null: the next instruction takes it, or it is the section's result. */
export interface Placed {
  readonly node: Node;
  readonly register: number | null;
}

/**
 * The order in which the nodes of a section are computed: operands first, and of an operation's operands the one first that
 * needs more registers (Sethi and Ullman), so that as few values as possible wait for each other; of equal ones the last,
 * so that the first is at hand. `operandsOf`: the operands of a node that the section computes.
 */
export function inOrder(roots: readonly Node[], operandsOf: (node: Node) => readonly Node[]): Node[] {
  const needs = new Map<Node, number>();
  const need = (node: Node) => needs.get(node)!;
  visit(roots, operandsOf, (node) => {
    const sorted = operandsOf(node)
      .map(need)
      .sort((a, b) => b - a);
    needs.set(node, Math.max(1, ...sorted.map((count, waiting) => count + waiting)));
  });
  const order: Node[] = [];
  const heaviestFirst = (node: Node) => [...operandsOf(node)].reverse().sort((a, b) => need(b) - need(a));
  visit(roots, heaviestFirst, (node) => void order.push(node));
  return order;
}

/** Calls `leave` for every node that the roots are computed from, after its operands. A loop: programs may be deep. */
function visit(
  roots: readonly Node[],
  operandsOf: (node: Node) => readonly Node[],
  leave: (node: Node) => void,
): void {
  const done = new Set<Node>();
  for (const root of roots) {
    const open: { node: Node; next: readonly Node[]; at: number }[] = [];
    const enter = (node: Node) => {
      if (done.has(node)) return;
      done.add(node);
      open.push({ node, next: operandsOf(node), at: 0 });
    };
    enter(root);
    while (open.length > 0) {
      const top = open.at(-1)!;
      if (top.at < top.next.length) enter(top.next[top.at++]!);
      else leave(open.pop()!.node);
    }
  }
}

/**
 * Gives each node of a section a register from its computation to its last use, beside the `inputs`, which have theirs;
 * `kept` ones keep theirs. ERR_FLEX_TRACE where more than `count` values wait for their use at once.
 */
export function allocate(
  order: readonly Node[],
  inputs: ReadonlyMap<Node, number>,
  kept: ReadonlySet<Node>,
  count: number,
  what: string,
): Placed[] {
  const uses = usesOf(order);
  const registers = new Map(inputs);
  const taken = new Set(inputs.values());
  const free = Array.from({ length: count }, (_, i) => count - 1 - i).filter((i) => !taken.has(i));
  return order.map((node, at) => {
    // Operands are read before the result is written: it may take the register of one.
    for (const operand of new Set(node.operands)) {
      const register = registers.get(operand);
      if (register === undefined || kept.has(operand) || uses.get(operand)!.at(-1)!.at !== at) continue;
      free.push(register);
    }
    if (!kept.has(node) && isPassedOn(node, order[at + 1], uses.get(node) ?? [])) {
      return { node, register: null };
    }
    const register = free.pop();
    if (register === undefined) {
      throw traceError(
        `expected a program of at most ${count} ${what} at a time, received one that needs more at ${shortText(node)}: ` +
          "compute less of it in advance, or put it into a tensor",
      );
    }
    registers.set(node, register);
    return { node, register };
  });
}

/** Whether a node has no use but as operand a of the next one, or as b where the two may change places. */
function isPassedOn(node: Node, next: Node | undefined, uses: readonly Use[]): boolean {
  if (uses.length === 0) return true;
  const [first, ...others] = uses;
  if (others.length > 0 || next?.operands[first!.operand] !== node) return false;
  return first!.operand === 0 || (first!.operand === 1 && isCommutative(next.operation!));
}

interface Use {
  /** The place of an instruction. */
  readonly at: number;
  /** Which of its operands it is. */
  readonly operand: number;
}

/** The uses of each node, in order. */
function usesOf(order: readonly Node[]): Map<Node, Use[]> {
  const uses = new Map<Node, Use[]>();
  for (const [at, { operands }] of order.entries()) {
    for (const [operand, node] of operands.entries()) {
      const known = uses.get(node);
      if (known === undefined) uses.set(node, [{ at, operand }]);
      else known.push({ at, operand });
    }
  }
  return uses;
}
