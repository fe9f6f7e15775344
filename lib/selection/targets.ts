/** "gfx942" of "gfx942:sramecc+:xnack-". */
export function bareTarget(arch: string): string {
  return arch.split(":", 1)[0]!;
}

/** Whether a bare target is one of these, given as prefixes: "gfx11" stands for all of RDNA 3. */
export function isTargetOf(target: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => target === prefix || (prefix.length <= 5 && target.startsWith(prefix)));
}

/** vLLM's on_gfx9: CDNA 2 and later. gfx906 and gfx908 are not among them. */
export function isGfx9(target: string): boolean {
  return isTargetOf(target, ["gfx90a", "gfx942", "gfx950"]);
}

/** Targets whose hardware has an 8-bit float with four bits of exponent. */
export const FP8_TARGETS = ["gfx942", "gfx950", "gfx12"] as const;

/** gfx942 has the FNUZ encoding of e4m3, later targets that of the OCP; null: none. */
export function fp8Encoding(target: string): "float8_e4m3fnuz" | "float8_e4m3fn" | null {
  if (!isTargetOf(target, FP8_TARGETS)) return null;
  return isTargetOf(target, ["gfx942"]) ? "float8_e4m3fnuz" : "float8_e4m3fn";
}

/** What to type to get the kernels of a target. */
export function kernelCommand(arch: string): string {
  const target = bareTarget(arch);
  return `npm install @rocm-attention/kernels-${target}   (in a clone: kernels/build --target ${target})`;
}
