import type { Kernarg, KernelRow } from "../../lib/catalog/manifest.js";

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
    block: 64,
    ldsBytes: 0,
    vgprs: 32,
    scratchBytes: 0,
    wavesPerSimd: 8,
    grid: "(tokens)",
    tile: { rows: 16 },
    capabilities: {
      dtypes: ["bfloat16"],
      kvCacheDtypes: ["auto"],
      headSizes: [64, 128],
      blockSize: null,
      features: ["sinks"],
    },
    verified: "emulator",
    compiler: { name: "triton", version: "3.9.0" },
    ...changes,
  };
}

/** A manifest as it should be, as plain data. */
export function manifestOf(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    schema: 1,
    version: "0.1.0",
    target: "gfx942",
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
