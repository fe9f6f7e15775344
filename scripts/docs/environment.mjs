import { GENERATED, table } from "./markdown.mjs";

/** docs/environment.md: vLLM's variables, their meaning there and their effect here. */
export function environmentPage(variables) {
  const rows = Object.entries(variables).map(([name, variable]) => [
    `\`${name}\``,
    describeDefault(variable.default),
    variable.parsing,
    variable.meaning,
    variable.effect ?? "None: a warning where it is set.",
  ]);
  return `${GENERATED}

# Environment variables

The variables that vLLM reads for attention on ROCm, as of v0.12. They are read whenever a selection runs, from
\`process.env\` or from the option \`env\`, never when the package is loaded. \`npx rocm-attention explain\` says what
each one that is set does to a model, and why one does nothing.

${table(["variable", "default", "parsing", "meaning in vLLM", "effect here"], rows)}

- **flag**: \`1\` and \`true\` in any case are on; \`0\`, \`false\` and nothing are off. Anything else is off too, as in
  vLLM, and gives a warning.
- **choice**: one of some words, exactly as written. An empty \`VLLM_ATTENTION_BACKEND\` is an error, not the same as none.
- Whatever else begins with \`VLLM_\` and is no variable of vLLM v0.12 or v0.13 gives a warning with the nearest name.
- A backend that is named stands above all flags: the option \`backend\` first, then \`VLLM_ATTENTION_BACKEND\`.
  \`overrideBackend\` stands above both, for the whole process.
- Without a name, the first of these that is enabled and can run the configuration is chosen:
  \`ROCM_AITER_UNIFIED_ATTN\`, \`ROCM_AITER_FA\`, \`ROCM_ATTN\`, \`TRITON_ATTN\`; for multi-head latent attention
  \`ROCM_AITER_MLA\`, \`TRITON_MLA\`.
`;
}

function describeDefault(value) {
  if (typeof value === "boolean") return value ? "on" : "off";
  return value;
}
