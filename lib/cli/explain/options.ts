import { Command, InvalidArgumentError, Option } from "commander";
import { type ComputeDType, KV_CACHE_DTYPES, type KvCacheDType } from "../../config.js";
import { wholeNumber } from "../whole-number.js";
import { isObject, type Json } from "./json.js";
import { addOtherOptions } from "./other-options.js";

/** The options of `rocm-attention explain` that act. */
export interface ExplainOptions {
  readonly model?: string;
  readonly hfConfigPath?: string;
  readonly hfOverrides?: Json;
  readonly tensorParallelSize: number;
  readonly dtype?: ComputeDType | "auto";
  readonly blockSize?: number;
  readonly kvCacheDtype?: KvCacheDType;
  readonly disableSlidingWindow?: boolean;
  readonly attentionBackend?: string;
  readonly attentionConfig?: Json;
  readonly arch?: string;
  readonly device?: number;
  readonly catalog?: "installed" | "published";
  readonly json?: true;
}

export const DEFAULT_MODEL = "meta-llama/Llama-3.1-8B-Instruct";

/** `--dtype` as vLLM takes it. */
const DTYPES: Readonly<Record<string, ComputeDType | "auto">> = {
  auto: "auto",
  half: "float16",
  float16: "float16",
  bfloat16: "bfloat16",
  float: "float32",
  float32: "float32",
};

/** Declares everything that may follow `explain`: the options of `vllm serve`, then this package's own. */
export function explainOptions(): Command {
  const command = new Command("explain")
    .description("say which attention backend a model gets, why, and why not another")
    .argument("[model]", `a model's name, or the path of its config.json (default: "${DEFAULT_MODEL}")`)
    .option("--model <model>", "the model, as older command lines of vLLM name it")
    .option("--hf-config-path <path>", "where to read config.json, if not with the model")
    .option("--hf-overrides <json>", "values that stand above those of config.json", jsonObject)
    .option("--tensor-parallel-size <count>", "GPUs that share the heads (-tp)", positive, 1)
    .addOption(new Option("--dtype <dtype>", "dtype of the model").argParser(computeDType))
    .option("--block-size <tokens>", "tokens of a block of the KV cache", positive)
    .addOption(new Option("--kv-cache-dtype <dtype>", "how the cache is stored").choices(KV_CACHE_DTYPES))
    .option("--max-model-len <tokens>", "longest context, such as 32768 or 32k", contextLength)
    .option("--disable-sliding-window", "let every layer attend to the whole context")
    .addOption(new Option("--no-disable-sliding-window").hideHelp())
    .option("--attention-backend <name>", "the backend, as vLLM since v0.13 takes it")
    .option("--attention-config <json>", "vLLM's AttentionConfig, since v0.13", jsonObject)
    .addOption(withoutContextParallelism("--decode-context-parallel-size <count>"))
    .addOption(withoutContextParallelism("--prefill-context-parallel-size <count>"))
    .addOption(new Option("--config <file>").argParser(refuseConfigFile).hideHelp())
    .addOption(new Option("--arch <target>", "for this GPU target, such as gfx942").conflicts("device"))
    .option("--device <ordinal>", "for this GPU (default: the first; gfx942 where there is none)", ordinal)
    .addOption(
      new Option(
        "--catalog <which>",
        "the kernels to count on: of this machine, or of the published packages (default: installed for a GPU, else published)",
      ).choices(["installed", "published"]),
    )
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nThe other options of `vllm serve` are accepted and named as without effect.\nThe variables of vLLM act as they do there: docs/environment.md lists them.",
    );
  return addOtherOptions(command);
}

function withoutContextParallelism(flags: string): Option {
  return new Option(flags).hideHelp().argParser((text) => {
    if (text.trim() === "1") return 1;
    throw new InvalidArgumentError("Expected 1: this package has no context parallelism.");
  });
}

function refuseConfigFile(): never {
  throw new InvalidArgumentError("Files of options are not read here: write the options out.");
}

function computeDType(text: string): ComputeDType | "auto" {
  if (Object.hasOwn(DTYPES, text)) return DTYPES[text]!;
  throw new InvalidArgumentError(`Allowed choices are ${Object.keys(DTYPES).join(", ")}.`);
}

function jsonObject(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError("Expected a JSON object.");
}

const DECIMAL = { k: 1e3, m: 1e6, g: 1e9 };
const BINARY = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** vLLM's numbers for people: 1k is 1000, 1K is 1024, 25.6k is 25600; "auto" and -1 leave it to vLLM. */
function contextLength(text: string): number | "auto" {
  if (text === "auto" || text === "-1") return "auto";
  const [, digits = "", suffix = ""] = /^(\d+(?:\.\d+)?)([kmgKMG]?)$/.exec(text.trim()) ?? [];
  const factor = { "": 1, ...DECIMAL, ...BINARY }[suffix]!;
  const tokens = Object.hasOwn(DECIMAL, suffix)
    ? Math.trunc(Number(digits) * factor)
    : Number(digits) * factor;
  if (Number.isSafeInteger(tokens) && tokens > 0) return tokens;
  throw new InvalidArgumentError("Expected a number of tokens such as 32768, 32k (32000) or 32K (32768).");
}

function positive(text: string): number {
  const value = wholeNumber(text);
  if (value !== null && value > 0) return value;
  throw new InvalidArgumentError("Expected a positive integer.");
}

function ordinal(text: string): number {
  const value = wholeNumber(text);
  if (value !== null) return value;
  throw new InvalidArgumentError("Expected a device's number, 0 or more.");
}
