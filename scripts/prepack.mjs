// Before `npm pack` and `npm publish`: dist/ is built, and the addon and the emulator lie, stripped, where the published
// package has them: prebuilds/<platform>-<arch>/.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { native } from "./setup/native.mjs";
import { packages } from "./setup/packages.mjs";
import { root } from "./setup/paths.mjs";
import { performSteps } from "./setup/steps.mjs";
import { typescript } from "./setup/typescript.mjs";

await performSteps([packages, typescript, native]);

// node-gyp-build understands the tag: where the C library is another one it finds no addon, instead of one that breaks.
const names = {
  "rocm_attention.node": "rocm_attention.glibc.node",
  "librocm_emulator.so": "librocm_emulator.so",
};
const folder = join(root, "prebuilds", `${process.platform}-${process.arch}`);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [built, published] of Object.entries(names)) {
  copyFileSync(join(root, "build", "Release", built), join(folder, published));
  execFileSync("strip", ["--strip-unneeded", join(folder, published)]);
}
