/** "gfx942" of "gfx942:sramecc+:xnack-". */
export function bareTarget(arch: string): string {
  return arch.split(":")[0]!;
}

/** Whether a target is one of these, given as prefixes: "gfx11" stands for all of RDNA 3. */
export function isTargetOf(arch: string, prefixes: readonly string[]): boolean {
  const target = bareTarget(arch);
  return prefixes.some((prefix) => target === prefix || (prefix.length <= 5 && target.startsWith(prefix)));
}

/** vLLM's on_gfx9: CDNA 2 and later. gfx906 and gfx908 are not among them. */
export function isGfx9(arch: string): boolean {
  return isTargetOf(arch, ["gfx90a", "gfx942", "gfx950"]);
}

/** Targets whose hardware has an 8-bit float with four bits of exponent. */
export const FP8_TARGETS = ["gfx942", "gfx950", "gfx12"] as const;

/** gfx942 has the FNUZ encoding of e4m3, later targets that of the OCP; null: none. */
export function fp8Encoding(arch: string): "float8_e4m3fnuz" | "float8_e4m3fn" | null {
  if (!isTargetOf(arch, FP8_TARGETS)) return null;
  return isTargetOf(arch, ["gfx942"]) ? "float8_e4m3fnuz" : "float8_e4m3fn";
}

/** What to type to get the kernels of a target. */
export function kernelCommand(arch: string): string {
  const target = bareTarget(arch);
  return `npm install @rocm-attention/kernels-${target}   (in a clone: kernels/build --target ${target})`;
}
