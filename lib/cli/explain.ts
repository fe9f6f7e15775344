import type { Command } from "commander";
import { PUBLISHED_CATALOG } from "../catalog/published.js";
import type { DeviceInfo } from "../device/context.js";
import { Device } from "../device/device.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { installedKernels } from "../kernels/store.js";
import { explain, type SelectionOptions } from "../selection/explain.js";
import type { Explanation } from "../selection/explanation.js";
import { failureOf } from "../selection/failure.js";
import { requestedBackend } from "./explain/attention-config.js";
import { merged } from "./explain/json.js";
import { readModel } from "./explain/model.js";
import { type LayerKind, layerKinds } from "./explain/model-config.js";
import { type OptionReport, reportOptions } from "./explain/option-report.js";
import { DEFAULT_MODEL, type ExplainOptions, explainOptions } from "./explain/options.js";
import { explanationText, optionsText } from "./explain/text.js";
import { terminal } from "./terminal.js";

/** `rocm-attention explain`: which backend a model would get, and why. Nothing runs and no weights are read. */
export function explainCommand(): Command {
  return explainOptions().action(
    (positional: string | undefined, options: ExplainOptions, command: Command) => {
      const model = positional ?? options.model ?? DEFAULT_MODEL;
      try {
        if (options.model !== undefined && options.model !== model) {
          throw invalidArgument("--model", `the model that is named first (${model})`, options.model);
        }
        const explained = explainModel(model, options);
        const reports = reportOptions(command);
        console.log(options.json ? toJson(model, explained, reports) : toText(model, explained, reports));
        if (explained.some(({ explanation }) => explanation.error !== null)) process.exitCode = 1;
      } catch (error) {
        if (!options.json || !(error instanceof RocmAttentionError)) throw error;
        console.log(JSON.stringify({ backend: null, error: failureOf(error), model }, null, 2));
        process.exitCode = 1;
      }
    },
  );
}

type Explained = { kind: LayerKind; explanation: Explanation };

/** One explanation for each kind of layer. Throws where the model or the GPU is not to be had. */
function explainModel(model: string, options: ExplainOptions): Explained[] {
  const info = options.arch === undefined ? deviceInfo(options.device) : undefined;
  const which = options.catalog ?? (info === undefined ? "published" : "installed");
  const { backend, env } = requestedBackend(options);
  const selection: SelectionOptions = {
    env,
    arch: options.arch,
    device: info && { info },
    catalog: which === "installed" ? installedKernels() : PUBLISHED_CATALOG,
  };
  const { dtype, hfOverrides = {} } = options;
  const kinds = layerKinds(merged(readModel(options.hfConfigPath ?? model), hfOverrides), {
    tensorParallel: options.tensorParallelSize,
    dtype: dtype === "auto" ? undefined : dtype,
    blockSize: options.blockSize,
    kvCacheDtype: options.kvCacheDtype,
    disableSlidingWindow: options.disableSlidingWindow,
  });
  return kinds.map((kind) => ({ kind, explanation: explain({ ...kind.config, backend }, selection) }));
}

/** The explanation itself where all layers are alike; else that of the first kind that fails or comes first, and all. */
function toJson(model: string, explained: readonly Explained[], options: readonly OptionReport[]): string {
  const shown = explained.find(({ explanation }) => explanation.error !== null) ?? explained[0]!;
  const layers = explained.map(({ kind, explanation }) => ({
    name: kind.name,
    layers: kind.layers,
    ...(explained.length > 1 ? explanation : {}),
  }));
  return JSON.stringify({ ...shown.explanation, model, layers, options }, null, 2);
}

/** Kinds of layers of which the same is to be said stand under one title; the options that were given stand last. */
function toText(model: string, explained: readonly Explained[], options: readonly OptionReport[]): string {
  const style = terminal();
  const kindsByText = new Map<string, string[]>();
  for (const { kind, explanation } of explained) {
    const text = explanationText(explanation, style);
    kindsByText.set(text, [...(kindsByText.get(text) ?? []), kind.name]);
  }
  const sections = [...kindsByText].map(([text, kinds]) => `${model}, ${kinds.join("; ")}\n\n${text}\n`);
  return [...sections, ...optionsText(options, style)].join("\n");
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

/** Explaining needs neither addon nor driver: without them there is no GPU to explain for, unless somebody has named one. */
function listDevices(wanted: number | undefined): DeviceInfo[] {
  try {
    return Device.list();
  } catch (error) {
    const isMissing = error instanceof RocmAttentionError && ["ERR_ADDON", "ERR_HIP"].includes(error.code);
    if (wanted === undefined && isMissing) return [];
    throw error;
  }
}
