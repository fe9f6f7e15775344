import { existsSync } from "node:fs";
import { join } from "node:path";
import { RocmAttentionError } from "../../errors.js";
import { installedFile, packageRoot } from "../../package.js";

export const GET_MODELS = "npm install @rocm-attention/demo-models";

/** A model's weights ("gqa"): of the clone, or of their own package; null where neither is there. */
export function modelFile(model: string): string | null {
  const name = `austen-${model}.safetensors`;
  const own = join(packageRoot() ?? "", "models", name);
  return existsSync(own) ? own : installedFile(`@rocm-attention/demo-models/${name}`);
}

/** {@link modelFile}; ERR_MODEL_NOT_INSTALLED. */
export function requireModel(model: string): string {
  const path = modelFile(model);
  if (path !== null) return path;
  throw new RocmAttentionError(
    "ERR_MODEL_NOT_INSTALLED",
    `the demo's models are a package of their own, which is not installed. Install it: ${GET_MODELS}`,
  );
}
