import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { invalidArgument, RocmAttentionError } from "./errors.js";
import { installedFile, packageRoot, packageVersion } from "./package.js";

let named: string | undefined;
let found: string | undefined;

/**
 * Names the file of the native addon, for programs that carry it beside a bundle or an executable; stronger than
 * ROCM_ATTENTION_ADDON. Each thread names it for itself, before it needs the addon: ERR_INVALID_ARGUMENT afterwards.
 */
export function setAddon(path: string): void {
  if (typeof path !== "string" || path === "") throw invalidArgument("path", "the path of an addon", path);
  if (found !== undefined && found !== resolve(path)) {
    throw invalidArgument("path", `the addon that this thread uses already, ${found},`, path);
  }
  named = resolve(path);
}

/** The file of the addon: the one that is named, or that node-gyp-build finds. Throws where there is none. */
export function addonFile(): string {
  found ??= named ?? fromVariable() ?? fromPackage();
  return found;
}

function fromVariable(): string | undefined {
  const path = process.env.ROCM_ATTENTION_ADDON;
  return path ? resolve(path) : undefined;
}

function fromPackage(): string {
  const root = packageRoot();
  if (root === null) throw new Error("the code of rocm-attention has been bundled");
  const require = createRequire(join(root, "package.json"));
  const nodeGypBuild = require("node-gyp-build") as { resolve(folder: string): string };
  return nodeGypBuild.resolve(root);
}

const EMULATOR = "librocm_emulator.so";
let emulator: string | undefined;

/**
 * The emulator's library: beside the addon, where a build leaves it, or in its own package. ERR_EMULATOR_NOT_INSTALLED
 * where there is none of this version.
 */
export function emulatorLibrary(): string {
  emulator ??= besideAddon() ?? fromItsPackage();
  return emulator;
}

function besideAddon(): string | undefined {
  const path = join(dirname(addonFile()), EMULATOR);
  return existsSync(path) ? path : undefined;
}

function fromItsPackage(): string {
  const version = packageVersion();
  const path = installedFile(`@rocm-attention/emulator/${EMULATOR}`);
  const command = `npm install @rocm-attention/emulator${version === null ? "" : `@${version}`}`;
  if (path === null) {
    throw new RocmAttentionError(
      "ERR_EMULATOR_NOT_INSTALLED",
      `the emulator is a package of its own, which is not installed. Install it: ${command}`,
    );
  }
  const facts = JSON.parse(readFileSync(join(dirname(path), "package.json"), "utf8")) as { version: string };
  if (version === null || facts.version === version) return path;
  throw new RocmAttentionError(
    "ERR_EMULATOR_NOT_INSTALLED",
    `${dirname(path)} is the emulator of version ${facts.version}, this is rocm-attention ${version}. Install its own: ${command}`,
  );
}
