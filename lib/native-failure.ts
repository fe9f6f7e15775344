import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { RocmAttentionError } from "./errors.js";

/** The surroundings of an addon that does not load; tests replace parts of it. */
export interface Surroundings {
  platform: string;
  arch: string;
  /** The C library's version, undefined where it is not glibc. */
  glibc: string | undefined;
  env: NodeJS.ProcessEnv;
}

function surroundings(): Surroundings {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return {
    platform: process.platform,
    arch: process.arch,
    glibc: report?.header?.glibcVersionRuntime,
    env: process.env,
  };
}

/** The error for an addon that could not be loaded: everything that was tried, the reasons, the command to run. */
export function addonFailure(
  root: string | null,
  file: string | undefined,
  cause: unknown,
  around: Surroundings = surroundings(),
): RocmAttentionError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const override = around.env.ROCM_ATTENTION_PREBUILD;
  const lines = [
    `the native addon of rocm-attention could not be loaded (${around.platform}-${around.arch}).`,
    "Tried:",
  ];
  if (file !== undefined) lines.push(`  ${file}: ${reason}`);
  else if (root === null) lines.push(`  ${reason}: a bundle has no folder in which an addon could lie`);
  else {
    if (override) lines.push(`  ROCM_ATTENTION_PREBUILD=${override}: ${contents(override)}`);
    for (const folder of ["build/Release", "build/Debug", `prebuilds/${around.platform}-${around.arch}`]) {
      lines.push(`  ${join(root, folder)}: ${contents(join(root, folder))}`);
    }
  }
  lines.push("What to do:");
  const supported = around.platform === "linux" && around.arch === "x64" && around.glibc !== undefined;
  if (!supported) {
    const found = `${around.platform}-${around.arch}${around.platform === "linux" && around.glibc === undefined ? " without glibc (musl?)" : ""}`;
    lines.push(`- use Linux on x86-64 with glibc: ROCm exists for nothing else here; this is ${found}`);
  } else if (root === null) {
    lines.push(
      "- leave the package out of the bundle and install it beside it: esbuild --external:rocm-attention",
      "- or carry the addon along, and name it: setAddon(path) or ROCM_ATTENTION_ADDON=path",
    );
  } else if (file !== undefined && /GLIBC(XX)?_/.test(reason)) {
    lines.push(
      `- the addon was built for a newer system (glibc here: ${around.glibc}): the published one runs with glibc 2.28, ` +
        "and a clone of the project builds its own: npm run build:native",
    );
  } else {
    lines.push(
      "- in a clone of the project build it: npm run build:native",
      "- as an installed package reinstall it: npm install --force rocm-attention",
    );
  }
  if (around.env.NODE_OPTIONS?.includes("--no-addons")) {
    lines.push("- remove --no-addons from NODE_OPTIONS");
  }
  return new RocmAttentionError("ERR_ADDON", lines.join("\n"), { cause });
}

function contents(folder: string): string {
  if (!existsSync(folder)) return "no such folder";
  try {
    const addons = readdirSync(folder).filter((name) => name.endsWith(".node"));
    return addons.length === 0 ? "holds no .node file" : `holds ${addons.join(", ")}, none of them suitable`;
  } catch (error) {
    return String(error);
  }
}
