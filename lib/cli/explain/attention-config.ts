import type { BackendName, Environment } from "../../config.js";
import { invalidArgument } from "../../errors.js";
import { nearestName } from "../../selection/registry.js";
import type { Json } from "./json.js";
import type { ExplainOptions } from "./options.js";

/** The fields of vLLM's AttentionConfig (v0.13); all but the first two concern other platforms. */
const FIELDS = [
  "backend",
  "use_prefill_decode_attention",
  "flash_attn_version",
  "flash_attn_max_num_splits_for_cuda_graph",
  "use_cudnn_prefill",
  "use_trtllm_ragged_deepseek_prefill",
  "use_trtllm_attention",
  "disable_flashinfer_prefill",
  "disable_flashinfer_q_quantization",
];

/** The backend that the command line names, if it names one, and the variables with what it has in place of one. */
export function requestedBackend({
  attentionBackend,
  attentionConfig = {},
}: Pick<ExplainOptions, "attentionBackend" | "attentionConfig">): {
  backend: BackendName | undefined;
  env: Environment;
} {
  checkFields(attentionConfig);
  const { backend, use_prefill_decode_attention: split } = attentionConfig;
  if (backend !== undefined && backend !== null && typeof backend !== "string") {
    throw invalidArgument("--attention-config", "a name for backend", backend);
  }
  if (attentionBackend !== undefined && typeof backend === "string") {
    throw invalidArgument(
      "--attention-backend",
      "no backend in --attention-config as well",
      attentionBackend,
    );
  }
  if (split !== undefined && typeof split !== "boolean") {
    throw invalidArgument("--attention-config", "true or false for use_prefill_decode_attention", split);
  }
  const inPlace = split === undefined ? {} : { VLLM_V1_USE_PREFILL_DECODE_ATTENTION: split ? "1" : "0" };
  // vLLM sets the case of a name aside there, unlike in its variable.
  const name = (attentionBackend ?? backend)?.toUpperCase();
  return { backend: name, env: { ...process.env, ...inPlace } };
}

function checkFields(config: Json): void {
  const unknown = Object.keys(config).find((field) => !FIELDS.includes(field));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, FIELDS);
  const hint = nearest === null ? "" : ` (did you mean ${nearest}?)`;
  throw invalidArgument("--attention-config", `only the fields ${FIELDS.join(", ")}${hint}`, unknown);
}
