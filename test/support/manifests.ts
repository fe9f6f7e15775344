import { CONTRACT, type Kernarg, type KernelRow, MANIFEST_SCHEMA } from "../../lib/catalog/manifest.js";
import type { LocatedRow } from "../../lib/kernels/store.js";

/** A row of a manifest as it should be. */
export function kernelRow(changes: Partial<KernelRow> = {}): KernelRow {
  return {
    id: "triton.copy",
    provider: "triton",
    operation: "copy",
    file: "triton.copy.co",
    sha256: "0".repeat(64),
    symbol: "copy",
    kernargs: [
      { name: "to", type: "pointer", offset: 0, size: 8 },
      { name: "scale", type: "float32", offset: 8, size: 4 },
      { name: "count", type: "int64", offset: 16, size: 8 },
    ],
    kernargBytes: 40,
    workgroupSize: 64,
    ldsBytes: 0,
    tile: { rows: 16 },
    grid: "(tokens)",
    serves: {
      dtypes: ["bfloat16"],
      kvCacheDtypes: ["auto"],
      headSizes: { oneOf: [64, 128] },
      blockSizes: { multipleOf: 16 },
      layouts: ["paired"],
      features: { sinks: "runtime" },
    },
    resources: { amdgpu: { vgprs: 32, scratchBytes: 0, wavesPerSimd: 8 } },
    verified: "emulator",
    compiler: { name: "triton", version: "3.9.0" },
    ...changes,
  };
}

/** A row of a kernel in a folder. */
export function locatedRow(folder: string, changes: Partial<KernelRow> = {}): LocatedRow {
  return { ...kernelRow(changes), target: "gfx942", folder, source: "build" };
}

/** A manifest as it should be, as plain data. */
export function manifestOf(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    schema: MANIFEST_SCHEMA,
    contract: CONTRACT,
    target: "gfx942",
    platform: "hip",
    waveSize: 64,
    kernels: [kernelRow()],
    ...changes,
  };
}

/** Arguments one after the other, each at the next multiple of its size. */
export function layOut(arguments_: readonly Pick<Kernarg, "name" | "type">[]): Kernarg[] {
  let end = 0;
  return arguments_.map(({ name, type }) => {
    const size = type === "pointer" || type === "int64" ? 8 : 4;
    const offset = Math.ceil(end / size) * size;
    end = offset + size;
    return { name, type, offset, size };
  });
}
