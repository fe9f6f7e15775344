import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packagedTargets } from "./targets.mjs";

/**
 * The target of the machine's first GPU that there are kernels for, undefined where there is none: read from the
 * driver's topology, which needs no ROCm. `gfx_target_version` is major * 10000 + minor * 100 + stepping, 0 for CPUs.
 */
export function gpuTarget(topology = "/sys/class/kfd/kfd/topology/nodes") {
  if (!existsSync(topology)) return undefined;
  return readdirSync(topology)
    .sort((a, b) => Number(a) - Number(b))
    .map((node) => join(topology, node, "properties"))
    .map((path) => Number(/^gfx_target_version (\d+)$/m.exec(readable(path))?.[1] ?? 0))
    .map((version) => {
      const minor = Math.floor(version / 100) % 100;
      return `gfx${Math.floor(version / 10000)}${minor.toString(16)}${(version % 100).toString(16)}`;
    })
    .find((target) => packagedTargets.includes(target));
}

/** The text of a file; "" where it may not be read, as the nodes of GPUs that a container has not been given. */
function readable(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
