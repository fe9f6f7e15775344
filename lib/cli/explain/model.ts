import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { RocmAttentionError } from "../../errors.js";
import { nearestName } from "../../selection/registry.js";
import { isObject, type Json } from "./json.js";
import { MODEL_PRESETS } from "./presets.js";

/** The config.json of a model: a preset by its repo id, or a file, or the folder that has it. */
export function readModel(model: string): Json {
  if (Object.hasOwn(MODEL_PRESETS, model)) return MODEL_PRESETS[model]!;
  const file = existsSync(model) && statSync(model).isDirectory() ? join(model, "config.json") : model;
  if (!existsSync(file)) throw file === model ? unknownModel(model) : withoutConfig(model);
  let config: unknown;
  try {
    config = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RocmAttentionError("ERR_INVALID_ARGUMENT", `${file} is not a readable config.json: ${why}`, {
      argument: "model",
      cause,
    });
  }
  if (isObject(config)) return config;
  throw new RocmAttentionError("ERR_INVALID_ARGUMENT", `${file} holds no JSON object`, { argument: "model" });
}

function withoutConfig(folder: string): RocmAttentionError {
  return new RocmAttentionError("ERR_INVALID_ARGUMENT", `the folder ${folder} has no config.json`, {
    argument: "model",
  });
}

function unknownModel(model: string): RocmAttentionError {
  const names = Object.keys(MODEL_PRESETS);
  const nearest = nearestName(model, names);
  return new RocmAttentionError(
    "ERR_INVALID_ARGUMENT",
    [
      `${JSON.stringify(model)} is neither a file or folder nor a model known by name.`,
      ...(nearest === null ? [] : [`Did you mean ${nearest}?`]),
      "Give the path of its config.json, or one of:",
      ...names.map((name) => `  ${name}`),
    ].join("\n"),
    { argument: "model" },
  );
}
