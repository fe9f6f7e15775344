// Puts the built addon and emulator, stripped, where the published package has them: prebuilds/<platform>-<arch>/.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { nativeOutputs } from "./setup/native.mjs";
import { root } from "./setup/paths.mjs";

const folder = join(root, "prebuilds", `${process.platform}-${process.arch}`);
mkdirSync(folder, { recursive: true });
for (const output of nativeOutputs) {
  const target = join(folder, basename(output));
  const temporary = `${target}.${process.pid}`;
  copyFileSync(join(root, output), temporary);
  execFileSync("strip", ["--strip-unneeded", temporary]);
  renameSync(temporary, target);
}
