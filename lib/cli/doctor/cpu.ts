import { existsSync, readFileSync } from "node:fs";

/** Levels of x86-64 that the emulator has code for, the best first, with the flags of /proc/cpuinfo that tell of them. */
const LEVELS: Readonly<Record<string, readonly string[]>> = {
  x86_64_v4: ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
  x86_64_v3: ["avx2", "fma", "bmi1", "bmi2", "f16c", "movbe"],
};

/** The level at which the emulator runs: the processor's, or a lower one that ROCM_EMULATOR_CPU asks for. */
export function cpuLevel(cpuinfo: string, requested: string | undefined): string {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(" "));
  const names = [...Object.keys(LEVELS), "x86_64"];
  const own = names.findIndex((_, index) => names.slice(index, -1).every((name) => hasAll(name, flags)));
  return names[Math.max(own, names.indexOf(requested ?? ""))]!;
}

function hasAll(level: string, flags: ReadonlySet<string>): boolean {
  return LEVELS[level]!.every((flag) => flags.has(flag));
}

/** The processor of this machine, as /proc/cpuinfo describes it. */
export function readCpuinfo(): string {
  return existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
}
