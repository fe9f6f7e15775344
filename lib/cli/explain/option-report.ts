import type { Command } from "commander";

/** An option of `vllm serve` that was given. */
export interface OptionReport {
  name: string;
  /** Null for a switch. */
  value: string | null;
  /** Its effect on attention; null where it has none. */
  effect: string | null;
}

const EFFECTS: Readonly<Record<string, string>> = {
  "--model": "names the model",
  "--hf-config-path": "names the config.json that is read",
  "--hf-overrides": "stands above the model's config.json",
  "--tensor-parallel-size": "divides the heads over the GPUs",
  "--dtype": "is the dtype of query, key, value and output",
  "--block-size": "is the number of tokens in a block of the cache",
  "--kv-cache-dtype": "is the dtype of the cache",
  "--disable-sliding-window": "lets every layer attend to the whole context",
  "--attention-backend": "names the backend; vLLM has it since v0.13, and VLLM_ATTENTION_BACKEND until then",
  "--attention-config":
    "acts by backend and use_prefill_decode_attention; vLLM has it since v0.13, and variables until then",
};

/** Options of this package that vLLM does not have. */
const OWN = ["--arch", "--device", "--catalog", "--json"];

/** The options of `vllm serve` that a command line has, with their effects. */
export function reportOptions(command: Command): OptionReport[] {
  const values = command.opts<Record<string, unknown>>();
  return command.options
    .filter((option) => command.getOptionValueSource(option.attributeName()) === "cli")
    .filter((option) => option.negate === (values[option.attributeName()] === false))
    .filter(({ long }) => !OWN.includes(long!))
    .map((option) => {
      const value = values[option.attributeName()];
      const effect = EFFECTS[option.long!] ?? null;
      return { name: option.long!, value: typeof value === "boolean" ? null : wordOf(value), effect };
    });
}

function wordOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(" ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
