import { join } from "node:path";
import { RocmAttentionError } from "../errors.js";
import { type NativeHipLibrary, native } from "../native.js";

/** A place where the HIP runtime may be. `loadedOnly`: taken only where the process has loaded it already. */
export interface HipCandidate {
  library: string;
  loadedOnly: boolean;
}

/** The HIP runtime: the file in use, or why there is none. */
export type HipLibraryReport = NativeHipLibrary;

/**
 * The files to try, in order. ROCM_ATTENTION_HIP_LIBRARY is tried alone: a path that somebody names is not to be
 * replaced by another one in silence. Names with a version come before the bare one, which is often a stale link.
 */
export function hipCandidates(env: NodeJS.ProcessEnv): HipCandidate[] {
  const named = env.ROCM_ATTENTION_HIP_LIBRARY;
  if (named) return [{ library: named, loadedOnly: false }];
  const names = ["libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so"];
  const folders = [...(env.ROCM_PATH ? [join(env.ROCM_PATH, "lib")] : []), "/opt/rocm/lib"];
  return [
    ...names.map((library) => ({ library, loadedOnly: true })),
    ...names.slice(0, 2).map((library) => ({ library, loadedOnly: false })),
    ...[...new Set(folders)].flatMap((folder) =>
      names.map((name) => ({ library: join(folder, name), loadedOnly: false })),
    ),
  ];
}

/** Loads the HIP runtime if it can be found and says how that went. Throws nothing but ERR_ADDON. */
export function hipLibrary(env: NodeJS.ProcessEnv = process.env): HipLibraryReport {
  return native().loadHip(hipCandidates(env));
}

/** Throws ERR_HIP_LIBRARY where there is no usable HIP runtime. */
export function requireHipLibrary(env: NodeJS.ProcessEnv = process.env): void {
  const report = hipLibrary(env);
  if (report.path === null) {
    throw new RocmAttentionError("ERR_HIP_LIBRARY", hipLibraryMessage(report, env));
  }
}

/** The text of ERR_HIP_LIBRARY: everything that was tried, then what to do. */
export function hipLibraryMessage(report: HipLibraryReport, env: NodeJS.ProcessEnv): string {
  const named = env.ROCM_ATTENTION_HIP_LIBRARY;
  const tried = report.attempts.map(({ library, error }) => `  ${library}: ${error}`);
  const remedies = named
    ? ["- correct or unset ROCM_ATTENTION_HIP_LIBRARY (only the file that it names is tried)"]
    : [
        "- on a machine with an AMD GPU install the HIP runtime of ROCm 6 or 7 (package hip-runtime-amd), or",
        "  name its libamdhip64.so.7 in ROCM_ATTENTION_HIP_LIBRARY or its folder in ROCM_PATH",
      ];
  return [
    "the HIP runtime could not be loaded. Tried:",
    ...tried,
    "What to do:",
    ...remedies,
    '- without a GPU use the emulator: Device.open({ emulate: "gfx942" }), or',
    "  ROCM_ATTENTION_DEVICE=emulator:gfx942 for programs that call Device.open()",
  ].join("\n");
}
