import type { Node } from "./graph.js";
import { numberOf, type Program, type Section } from "./program.js";

/**
 * A program as C++ for kernels/hip/flex_policy.h: the class GeneratedProgram, which computes what the interpreter would by the
 * same functions. It consists of op codes, numbers and names of ours.
 */
export function sourceOf(program: Program): string {
  const members = program.row.placed
    .filter(({ node }) => node.kind !== "constant")
    .map(({ node }) => nameOf(node));
  return `class GeneratedProgram {
 public:
  __device__ explicit GeneratedProgram(const Word* from)
      : tensors_((Tensors)(constant(from) + Program::kHeaderWords)) {}

  __device__ void begin([[maybe_unused]] const RowInputs& inputs) {
${lines(program.row, (name, value) => `    ${name} = ${value};`)}
  }

  __device__ Words8 sees([[maybe_unused]] int first_key) const {
    [[maybe_unused]] const Floats8 scores = {};
${keySection(program.mask, "Words8(1)")}
  }

  __device__ Floats8 score([[maybe_unused]] int first_key, Floats8 scores) const {
${keySection(program.score, "scores")}
  }

 private:
  Tensors tensors_;
${members.map((name) => `  Word ${name} = 0;`).join("\n")}
};
`;
}

function keySection(section: Section, otherwise: string): string {
  if (section.root === null) return `    return ${otherwise};`;
  const isScore = section.root.type === "float32";
  return `    Words8 result;
#pragma unroll
    for (int e = 0; e < kLaneKeys; e++) {
${lines(section, (name, value) => `      const Word ${name} = ${value};`)}
      result[e] = ${operandText(section.root)};
    }
    return ${isScore ? "__builtin_bit_cast(Floats8, result)" : "result"};`;
}

function lines({ placed }: Section, line: (name: string, value: string) => string): string {
  return placed
    .filter(({ node }) => node.kind !== "constant")
    .map(({ node }) => line(nameOf(node), computed(node)))
    .join("\n");
}

function nameOf({ id }: Node): string {
  return `v${id}`;
}

function operandText(node: Node): string {
  return node.kind === "constant" ? `${numberOf(node)}u` : nameOf(node);
}

function computed(node: Node): string {
  if (node.kind === "input") {
    if (node.input === "key") return "static_cast<Word>(first_key + e)";
    if (node.input === "score") return "as_word(scores[e])";
    return `inputs.get(${numberOf(node)}u)`;
  }
  const [a = "0", b = "0", c = "0"] = node.operands.map(operandText);
  return `flex_${node.operation}({${a}, ${b}, ${c}, ${numberOf(node)}u}, tensors_)`;
}
