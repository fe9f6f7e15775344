import type { Node } from "./graph.js";
import { OPERATIONS } from "./operations.js";

const LONGEST = 100;

/** An expression in words, for errors: parts deep within are left out. */
export function shortText(node: Node, depth = 6): string {
  if (node.kind !== "operation") return leafText(node);
  if (depth === 0) return "...";
  const [a = "", b = "", c = ""] = node.operands.map((operand) => shortText(operand, depth - 1));
  const text = OPERATIONS[node.operation!].text(a, b, c, node.immediate);
  return text.length > 3 * LONGEST ? `${text.slice(0, 3 * LONGEST)}...` : text;
}

/** The whole of an expression from its nodes: a line for each that is used more than once or long, the result last. */
export function fullText(nodes: readonly Node[], root: Node): string {
  const uses = new Map<Node, number>();
  for (const { operands } of nodes) for (const one of operands) uses.set(one, (uses.get(one) ?? 0) + 1);
  const texts = new Map<Node, string>();
  const lines: string[] = [];
  for (const node of nodes) {
    const [a = "", b = "", c = ""] = node.operands.map((operand) => texts.get(operand)!);
    const text =
      node.kind === "operation" ? OPERATIONS[node.operation!].text(a, b, c, node.immediate) : leafText(node);
    const isNamed =
      node !== root &&
      node.kind === "operation" &&
      !node.operation!.endsWith("_index") &&
      ((uses.get(node) ?? 0) > 1 || text.length > LONGEST);
    if (isNamed) lines.push(`t${lines.length + 1} = ${text}`);
    texts.set(node, isNamed ? `t${lines.length}` : text);
  }
  const result = texts.get(root)!;
  return [...lines, /^\(.*\)$/.test(result) ? result.slice(1, -1) : result].join("\n");
}

function leafText({ kind, type, input, immediate }: Node): string {
  if (kind === "input") return input!;
  if (type === "bool") return immediate === 1 ? "true" : "false";
  if (type === "int32") return `${immediate}`;
  return Number.isInteger(immediate) ? immediate.toFixed(1) : `${immediate}`;
}
