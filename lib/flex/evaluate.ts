import type { Node } from "./graph.js";
import { type InputName, OPERATIONS } from "./operations.js";
import { KEY_REGISTERS, type Program, ROW_REGISTERS, type Section } from "./program.js";

/** The values of a program's inputs but the score. */
export type Position = Readonly<Record<Exclude<InputName, "score">, number>>;

/** The element of captured tensor number `tensor`. */
export type Reader = (tensor: number, element: number) => number;

/**
 * A program on the host, register by register as the device runs it: integers and floats are rounded as there, but what
 * depends on the score is computed in float64.
 */
export class Evaluator {
  readonly #row = new Float64Array(ROW_REGISTERS);
  readonly #key = new Float64Array(KEY_REGISTERS);

  constructor(
    private readonly program: Program,
    private readonly read: Reader,
  ) {}

  /** Computes the values of a row. `position.key` is of no account. */
  beginRow(position: Position): void {
    this.#run(this.program.row, this.#row, position, 0);
  }

  /** Whether the row that was begun sees a key. */
  sees(position: Position): boolean {
    const { mask } = this.program;
    return mask.root === null || this.#run(mask, this.#key, position, 0) !== 0;
  }

  /** The score of a key from the scaled product. */
  score(position: Position, score: number): number {
    const section = this.program.score;
    return section.root === null ? score : this.#run(section, this.#key, position, score);
  }

  #run({ placed, root }: Section, registers: Float64Array, position: Position, score: number): number {
    const { rowRegisters } = this.program;
    const own = new Map<Node, number>();
    let last = Number.NaN;
    const valueAt = (node: Node): number => {
      if (node.kind === "constant") return node.immediate;
      if (node.kind === "input") return node.input === "score" ? score : position[node.input!];
      const register = own.get(node);
      if (register !== undefined) return registers[register]!;
      return !node.perKey && rowRegisters.has(node) ? this.#row[rowRegisters.get(node)!]! : last;
    };
    for (const { node, register } of placed) {
      const isCopy = node.kind !== "operation" || (!node.perKey && registers !== this.#row);
      last = isCopy ? valueAt(node) : this.#compute(node, node.operands.map(valueAt));
      if (register === null) continue;
      own.set(node, register);
      registers[register] = last;
    }
    return root === null ? 0 : last;
  }

  #compute({ operation, immediate, fromScore }: Node, [a = 0, b = 0, c = 0]: readonly number[]): number {
    if (operation!.startsWith("read")) return a < 0 ? 0 : this.read(immediate, a);
    return OPERATIONS[operation!].apply(fromScore ? Number : Math.fround, a, b, c, immediate);
  }
}
