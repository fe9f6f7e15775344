// Before `npm pack` and `npm publish`: dist/ is built, and the addon lies in prebuilds/<platform>-<arch>/ with the licences
// of what is linked into it.
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { packages } from "./setup/packages.mjs";
import { root } from "./setup/paths.mjs";
import { prebuilds, prebuiltFolder } from "./setup/prebuilds.mjs";
import { zigPython } from "./setup/python.mjs";
import { performSteps } from "./setup/steps.mjs";
import { typescript } from "./setup/typescript.mjs";

await performSteps([packages, typescript, zigPython, prebuilds]);
const folder = join(root, "prebuilds", `${process.platform}-${process.arch}`);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(prebuiltFolder())) {
  if (name !== "librocm_emulator.so") cpSync(join(prebuiltFolder(), name), join(folder, name));
}
