import type { Node } from "./graph.js";
import { numberOf } from "./image.js";
import type { InputName } from "./operations.js";
import type { Program, Section } from "./program.js";

/**
 * A program as C++ for kernels/hip/flex_policy.h: the class GeneratedProgram, which computes what the interpreter would by the
 * same functions. It consists of op codes, numbers and names of ours.
 */
export function sourceOf(program: Program): string {
  const members = operationsOf(program.row).map(nameOf);
  return `class GeneratedProgram {
 public:
  __device__ explicit GeneratedProgram(const Word* from)
      : tensors_((Tensors)(constant(from) + Program::kHeaderWords)) {}

  __device__ void begin(const RowInputs& inputs) {
    inputs_ = inputs;
${operationsOf(program.row)
  .map((node) => `    ${nameOf(node)} = ${computed(node)};`)
  .join("\n")}
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
  RowInputs inputs_;
${members.map((name) => `  Word ${name} = 0;`).join("\n")}
};
`;
}

function keySection(section: Section, otherwise: string): string {
  if (section.root === null) return `    return ${otherwise};`;
  const isScore = section.root.type === "float32";
  const lines = operationsOf(section).filter(({ perKey }) => perKey);
  return `    Words8 result;
#pragma unroll
    for (int e = 0; e < kLaneKeys; e++) {
${lines.map((node) => `      const Word ${nameOf(node)} = ${computed(node)};`).join("\n")}
      result[e] = ${valueText(section.root)};
    }
    return ${isScore ? "__builtin_bit_cast(Floats8, result)" : "result"};`;
}

function operationsOf({ placed }: Section): Node[] {
  return placed.map(({ node }) => node).filter(({ kind }) => kind === "operation");
}

function nameOf({ id }: Node): string {
  return `v${id}`;
}

/** What inputs are in C++. */
const INPUT_TEXTS: Readonly<Record<InputName, string>> = {
  row: "static_cast<Word>(inputs_.row)",
  head: "static_cast<Word>(inputs_.head)",
  kvHead: "static_cast<Word>(inputs_.kv_head)",
  contextLength: "static_cast<Word>(inputs_.context_length)",
  query: "static_cast<Word>(inputs_.query)",
  key: "static_cast<Word>(first_key + e)",
  score: "as_word(scores[e])",
};

function valueText(node: Node): string {
  if (node.kind === "input") return INPUT_TEXTS[node.input!];
  return node.kind === "constant" ? `${numberOf(node)}u` : nameOf(node);
}

function computed(node: Node): string {
  const [a = "0", b = "0", c = "0"] = node.operands.map(valueText);
  return `flex_${node.operation}({${a}, ${b}, ${c}, ${numberOf(node)}u}, tensors_)`;
}
