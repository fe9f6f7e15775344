import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { matches, type Sizes } from "../../../lib/catalog/sizes.js";
import { PACKAGED_TARGETS, targetOf } from "../../../lib/catalog/targets.js";
import { readCodeObject } from "../../../lib/device/code-object.js";
import { installedKernels, type LocatedRow } from "../../../lib/kernels/store.js";
import { root } from "../../../scripts/setup/paths.mjs";
import { readKernelDescriptor } from "../../support/kernel-descriptor.js";

/** A compute unit has 4 SIMDs, each with 512 vector registers and room for 8 waves. */
const [SIMDS, VGPRS, MAX_WAVES, WAVE] = [4, 512, 8, 64];

/** Whether the sources are ours: what others' kernels take is recorded, and not held to anything. */
const isOurs = (provider: string) => provider === "hip" || provider === "triton";

/**
 * Waves that a SIMD must hold at least. A wave of attention has the loads of a whole tile under way while it computes, and
 * LDS for them, so that few waves suffice: with 16 rows of wide heads, or float32, it has the SIMD for itself. The others
 * live by many.
 */
function intendedWaves(row: LocatedRow): number {
  const { provider, operation, variant, tile, serves } = row;
  if (!isOurs(provider)) return 1;
  if (["paged_attention", "paged_attention_fp8"].includes(operation)) return wavesOfPagedAttention(row);
  if (operation === "paged_attention_reduce") return 4; // its loads of 8 segments are under way
  if (operation === "mla_decode") return 1; // a row of latents and one of results fill a wave's registers
  if (operation === "mla_reduce") return 4; // the loads of 32 segments wait together
  if (operation.startsWith("mla_merge_")) return 2; // those of 16 parts
  if (/^mla_.*_product_fp8$/.test(operation)) return 3;
  if (operation === "mla_quantise_weights") return 6;
  if (operation === "mla_prefill" || /^mla_.*(_product|_projection)$/.test(operation)) return 2;
  if (operation === "flex_block_mask") return 2;
  if (operation === "flex_attention") {
    // The registers of a program fill a wave's, as wide heads and float32 do.
    const isSmall = matches(serves.headSizes as Sizes, 64) || matches(serves.headSizes as Sizes, 128);
    return variant === "native" && isSmall && !serves.dtypes!.includes("float32") ? 3 : 1;
  }
  if (!operation.startsWith("unified_attention")) return 7;
  if (serves.dtypes!.includes("float32")) return 1;
  return tile.rows === 16 && !matches(serves.headSizes as Sizes, 64) ? 1 : 2;
}

/** Two where the elements of 16 rows are at most 128; bytes of whole heads in a slot are transposed, and count twice. */
function wavesOfPagedAttention({ tile, serves }: LocatedRow): number {
  const { oneOf } = serves.headSizes as { oneOf: readonly number[] };
  const isTransposed = serves.kvCacheDtypes!.includes("fp8") && serves.layouts!.includes("halves");
  return ((oneOf[0]! * tile.rows!) / 16) * (isTransposed ? 2 : 1) <= 128 ? 2 : 1;
}

describe.each(PACKAGED_TARGETS)("the kernels for %s", (target) => {
  const ldsLimit = targetOf(target)!.ldsBytes;
  const { kernels } = installedKernels([target], { HOME: "/nonexistent" });
  it("are those of this clone", () => {
    const folders = new Set(kernels.map(({ folder }) => folder));
    expect([...folders]).toEqual([join(root, "build", "kernels", target)]);
    expect(kernels.length).toBeGreaterThanOrEqual(5);
  });

  it.each(kernels.map((row) => [row.id, row] as const))("%s: resources", (_, row) => {
    const code = readFileSync(join(row.folder, row.file));
    const descriptor = readKernelDescriptor(code, row.symbol);
    const metadata = readCodeObject(code).kernels.get(row.symbol)!;

    const { vgprs, scratchBytes, wavesPerSimd } = row.resources.amdgpu;
    if (isOurs(row.provider)) expect(scratchBytes).toBe(0);
    expect(descriptor.scratchBytes).toBe(scratchBytes);
    expect(row.ldsBytes + descriptor.ldsBytes).toBeLessThanOrEqual(ldsLimit);
    expect(Math.ceil(vgprs / 8) * 8).toBe(descriptor.allocatedVgprs);
    // Assembly of a vendor says it in its note alone.
    if (row.variant !== "asm") expect(row.kernargBytes).toBe(descriptor.kernargBytes);
    const { offset, size } = row.kernargs.at(-1)!;
    expect(metadata.explicitKernargBytes).toBeGreaterThanOrEqual(offset + size);

    const byRegisters = Math.min(MAX_WAVES, Math.floor(VGPRS / descriptor.allocatedVgprs));
    const workgroups = row.ldsBytes === 0 ? Infinity : Math.floor(ldsLimit / row.ldsBytes);
    const byLds = Math.floor((workgroups * (row.workgroupSize / WAVE)) / SIMDS);
    expect(wavesPerSimd).toBe(Math.min(byRegisters, Math.max(1, byLds)));
    expect(wavesPerSimd).toBeGreaterThanOrEqual(intendedWaves(row));
  });
});
