import rows from "./targets.json" with { type: "json" };

/** A GPU target, or, under the beginning of its name, a family of targets: "gfx11". */
export interface Target {
  readonly name: string;
  readonly platform: string;
  /** Work-items of a wave. */
  readonly waveSize: number;
  /** LDS that a workgroup can have, in bytes. */
  readonly ldsBytes: number;
  /** The 8-bit float with four bits of exponent that the hardware has: AMD's FNUZ encoding, or that of the OCP. */
  readonly fp8: string | null;
  /** Whether kernels for it are published, as the package @rocm-attention/kernels-<name>. */
  readonly package: boolean;
  /** The set of its kernels that tests build and run. */
  readonly ciSet: string | null;
  /** Whether the emulator executes its machine code. */
  readonly emulated: boolean;
  /** Products that have it, for people. */
  readonly gpus: string;
  /**
   * Rates for the performance model. HBM as far as published measurements reach (81 % of the peak); clocks of memory-bound
   * and of matrix-bound kernels, the latter limited by power where that is published (AMD, "Measuring max-achievable
   * FLOPs": MI300X in bfloat16); all else from the data sheets of MI300X, MI355X and MI250X (one die).
   */
  readonly model: {
    readonly computeUnits: number;
    readonly xcds: number;
    readonly hbmTBs: number;
    readonly memoryBoundGHz: number;
    readonly matrixBoundGHz: number;
    readonly l1BytesPerClock: number;
    /** Of an XCD: 128 bytes for each of its channels, 16 (MI250X: 32). */
    readonly l2BytesPerClock: number;
  } | null;
}

export const TARGETS: readonly Target[] = rows;

/** The targets that have a package of kernels. */
export const PACKAGED_TARGETS: readonly string[] = TARGETS.filter((row) => row.package).map(
  ({ name }) => name,
);

/** The row of a bare target, or of its family. */
export function targetOf(target: string): Target | undefined {
  return TARGETS.find(({ name }) => isTargetOf(target, [name]));
}

/** "gfx942" of "gfx942:sramecc+:xnack-". */
export function bareTarget(arch: string): string {
  return arch.split(":", 1)[0]!;
}

/** The XCDs of a GPU, or of a partition of one, as far as its compute units tell. 1 for targets without them. */
export function xcdsOf(target: string, computeUnits: number): number {
  if (target === "gfx942" && computeUnits === 80) return 4; // MI308X: 20 on each
  const whole = targetOf(target)?.model ?? null;
  return whole === null
    ? 1
    : Math.min(whole.xcds, Math.ceil((computeUnits * whole.xcds) / whole.computeUnits));
}

/** Whether a bare target is one of these, given as prefixes: "gfx11" stands for all of RDNA 3. */
export function isTargetOf(target: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => target === prefix || (prefix.length <= 5 && target.startsWith(prefix)));
}

/** vLLM's on_gfx9: CDNA 2 and later. gfx906 and gfx908 are not among them. */
export function isGfx9(target: string): boolean {
  return isTargetOf(target, ["gfx90a", "gfx942", "gfx950"]);
}

/** The targets and families whose hardware has an 8-bit float with four bits of exponent. */
export const FP8_TARGETS: readonly string[] = TARGETS.filter(({ fp8 }) => fp8 !== null).map(
  ({ name }) => name,
);

/** The dtype of an fp8 cache on a target; null where the hardware has none. */
export function fp8Encoding(target: string): "float8_e4m3fnuz" | "float8_e4m3fn" | null {
  const encoding = targetOf(target)?.fp8 ?? null;
  if (encoding === null) return null;
  return encoding === "e4m3fnuz" ? "float8_e4m3fnuz" : "float8_e4m3fn";
}

/** The command that builds the kernels of a target which packages do not hold, where a clone is. */
export function fullSetCommand(arch: string): string {
  return `kernels/build --target ${bareTarget(arch)} --set full`;
}

/** The command that gets the kernels of a target. */
export function kernelCommand(arch: string): string {
  const target = bareTarget(arch);
  return `npm install @rocm-attention/kernels-${target}   (in a clone: kernels/build --target ${target})`;
}
