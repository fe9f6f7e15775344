import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { EmulatedArch } from "../../lib/device/device.js";
import { aiter, aiterObjects, everyAiterObject } from "../../scripts/setup/aiter.mjs";
import { openTestDevice } from "./device.js";

/** Why AITER's code objects cannot be used, or null. */
export const noAiter = aiter.isDone() ? null : "AITER's code objects were not downloaded";

/** The paths of AITER's code objects of attention kernels for `arch`; none for targets that it has none for. */
export const aiterCodeObjects = (arch: string) => codeObjectsIn(aiterObjects(arch));

/** Those of all of its code objects. */
export const everyAiterCodeObject = (arch: string) => codeObjectsIn(everyAiterObject(arch));

function codeObjectsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".co"))
    .map((name) => join(folder, name))
    .sort();
}

/** A device with one of AITER's code objects. */
export function openAiter(arch: EmulatedArch, file: string, symbol: string) {
  const path = aiterCodeObjects(arch).find((path) => path.endsWith(`/${file}.co`));
  if (path === undefined) throw new Error(`no code object ${file} for ${arch}`);
  const device = openTestDevice({ emulate: arch });
  return { device, kernel: device.loadModule(readFileSync(path)).kernel(symbol) };
}

/** Kernel arguments in slots of 16 bytes, as AITER's assembly takes them. */
export function slots(bytes: number, values: readonly (bigint | number | { float: number })[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  for (const [slot, value] of values.entries()) {
    if (typeof value === "bigint") view.setBigUint64(16 * slot, value, true);
    else if (typeof value === "number") view.setUint32(16 * slot, value, true);
    else view.setFloat32(16 * slot, value.float, true);
  }
  return new Uint8Array(view.buffer);
}

/** What the splits [sequences, splits, heads, rank] of MLA decode come to, weighted by their LSE. */
export function mergedSplits(
  parts: Float32Array,
  lse: Float32Array,
  { sequences, splits, heads, rank }: Record<"sequences" | "splits" | "heads" | "rank", number>,
): Float64Array {
  return Float64Array.from({ length: sequences * heads * rank }, (_, i) => {
    const [s, h, x] = [Math.floor(i / (heads * rank)), Math.floor(i / rank) % heads, i % rank];
    let [total, weights] = [0, 0];
    for (let split = 0; split < splits; split++) {
      const row = (s * splits + split) * heads + h;
      const weight = Math.exp(lse[row]! - lse[s * splits * heads + h]!);
      total += weight * parts[row * rank + x]!;
      weights += weight;
    }
    return total / weights;
  });
}
