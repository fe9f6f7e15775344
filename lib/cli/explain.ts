import { Command, InvalidArgumentError, Option } from "commander";
import { KV_CACHE_DTYPES, type KvCacheDType } from "../config.js";
import type { DeviceInfo } from "../device/context.js";
import { Device } from "../device/device.js";
import { RocmAttentionError } from "../errors.js";
import { installedKernels } from "../kernels/store.js";
import { explain, type SelectionOptions } from "../selection/explain.js";
import type { Explanation } from "../selection/explanation.js";
import { failureOf } from "../selection/failure.js";
import { PUBLISHED_CATALOG } from "../selection/planned.js";
import { readModel } from "./explain/model.js";
import { type LayerKind, layerKinds } from "./explain/model-config.js";
import { explanationText } from "./explain/text.js";
import { terminal } from "./terminal.js";

interface ExplainOptions {
  readonly tp: number;
  readonly blockSize?: number;
  readonly kvCacheDtype?: KvCacheDType;
  readonly arch?: string;
  readonly device?: number;
  readonly catalog?: "installed" | "published";
  readonly json?: true;
}

const DEFAULT_MODEL = "meta-llama/Llama-3.1-8B-Instruct";

/** `rocm-attention explain`: which backend a model would get, and why. Nothing runs and no weights are read. */
export function explainCommand(): Command {
  return new Command("explain")
    .description("say which attention backend a model gets, why, and why not another")
    .argument("[model]", "a model's name, or the path of its config.json", DEFAULT_MODEL)
    .option("--tp <count>", "GPUs that share the heads (-tp as in vLLM)", positive, 1)
    .option("--block-size <tokens>", "tokens of a block of the KV cache", positive)
    .addOption(new Option("--kv-cache-dtype <dtype>", "how the cache is stored").choices(KV_CACHE_DTYPES))
    .addOption(new Option("--arch <target>", "for this GPU target, such as gfx942").conflicts("device"))
    .option("--device <ordinal>", "for this GPU (default: the first; gfx942 where there is none)", ordinal)
    .addOption(
      new Option(
        "--catalog <which>",
        "the kernels to count on: of this machine, or of the published packages (default: installed for a GPU, else published)",
      ).choices(["installed", "published"]),
    )
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nThe variables of vLLM act as they do there: docs/environment.md lists them.")
    .action((model: string, options: ExplainOptions) => {
      try {
        const explained = explainModel(model, options);
        console.log(options.json ? toJson(model, explained) : toText(model, explained));
        if (explained.some(({ explanation }) => explanation.error !== null)) process.exitCode = 1;
      } catch (error) {
        if (!options.json || !(error instanceof RocmAttentionError)) throw error;
        console.log(JSON.stringify({ backend: null, error: failureOf(error), model }, null, 2));
        process.exitCode = 1;
      }
    });
}

type Explained = { kind: LayerKind; explanation: Explanation };

/** One explanation for each kind of layer. Throws where the model or the GPU is not to be had. */
function explainModel(model: string, options: ExplainOptions): Explained[] {
  const info = options.arch === undefined ? deviceInfo(options.device) : undefined;
  const which = options.catalog ?? (info === undefined ? "published" : "installed");
  const selection: SelectionOptions = {
    arch: options.arch,
    device: info && { info },
    catalog: which === "installed" ? installedKernels() : PUBLISHED_CATALOG,
  };
  const kinds = layerKinds(readModel(model), {
    tensorParallel: options.tp,
    ...(options.blockSize === undefined ? {} : { blockSize: options.blockSize }),
    ...(options.kvCacheDtype === undefined ? {} : { kvCacheDtype: options.kvCacheDtype }),
  });
  return kinds.map((kind) => ({ kind, explanation: explain(kind.config, selection) }));
}

/** The explanation itself where all layers are alike; else that of the first kind that fails or comes first, and all. */
function toJson(model: string, explained: readonly Explained[]): string {
  const shown = explained.find(({ explanation }) => explanation.error !== null) ?? explained[0]!;
  const layers = explained.map(({ kind, explanation }) => ({
    name: kind.name,
    layers: kind.layers,
    ...(explained.length > 1 ? explanation : {}),
  }));
  return JSON.stringify({ ...shown.explanation, model, layers }, null, 2);
}

/** Kinds of layers of which the same is to be said stand under one title. */
function toText(model: string, explained: readonly Explained[]): string {
  const options = terminal();
  const kindsByText = new Map<string, string[]>();
  for (const { kind, explanation } of explained) {
    const text = explanationText(explanation, options);
    kindsByText.set(text, [...(kindsByText.get(text) ?? []), kind.name]);
  }
  return [...kindsByText].map(([text, kinds]) => `${model}, ${kinds.join("; ")}\n\n${text}\n`).join("\n");
}

/** The GPU that was asked for, else the machine's first, if it has one. */
function deviceInfo(wanted: number | undefined): DeviceInfo | undefined {
  const devices = listDevices(wanted);
  const info = devices[wanted ?? 0];
  if (info !== undefined || wanted === undefined) return info;
  throw new RocmAttentionError(
    "ERR_NO_DEVICE",
    `there is no GPU ${wanted}: the HIP runtime sees ${devices.length === 0 ? "none" : devices.length}. Use --arch to ask for a target that is not here`,
    { argument: "--device" },
  );
}

/** Explaining needs no addon: without one there is no GPU to explain for, unless somebody has named one. */
function listDevices(wanted: number | undefined): DeviceInfo[] {
  try {
    return Device.list();
  } catch (error) {
    if (wanted === undefined && error instanceof RocmAttentionError && error.code === "ERR_ADDON") return [];
    throw error;
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("Expected a positive integer.");
}

function ordinal(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError("Expected a device's number, 0 or more.");
}
