// `npm run prebuild`: builds what is published and leaves the tarballs in build/packages: the main package, the emulator, the
// demo's models and the kernels of each target. With --target gfx942,gfx950 the kernels of these targets alone; with
// --embed one addon that carries them in itself, instead of tarballs.
import { cpSync } from "node:fs";
import { join } from "node:path";
import { packEmulator, packKernels, packMain, packModels } from "./pack.mjs";
import { writeReleased } from "./released.mjs";
import { aiter } from "./setup/aiter.mjs";
import { kernels } from "./setup/kernels.mjs";
import { packages } from "./setup/packages.mjs";
import { root, shown } from "./setup/paths.mjs";
import { ADDON, embeddedAddon, prebuilds, prebuiltFolder } from "./setup/prebuilds.mjs";
import { kernelPython, zigPython } from "./setup/python.mjs";
import { performSteps } from "./setup/steps.mjs";
import { packagedTargets } from "./setup/targets.mjs";
import { toolchain } from "./setup/toolchain.mjs";
import { typescript } from "./setup/typescript.mjs";
import { parseWords, refuseWords } from "./setup/words.mjs";

const { target, embed } = wanted();
await performSteps([
  packages,
  zigPython,
  kernelPython,
  toolchain,
  aiter,
  ...target.map((name) => kernels(name, "all")),
  ...(embed ? [embeddedAddon(target)] : [typescript, prebuilds]),
]);
if (embed) {
  const destination = join(root, "build", "embedded");
  cpSync(prebuiltFolder(target), destination, { recursive: true, dereference: true });
  console.log(shown(join(destination, ADDON)));
} else {
  writeReleased(target);
  const destination = join(root, "build", "packages");
  for (const pack of [packMain, packEmulator, packModels]) console.log(shown(await pack(destination)));
  for (const name of target) console.log(shown(await packKernels(name, destination)));
}

/** What the command line asks for; ends the process where it cannot be had. */
function wanted() {
  const usage = `npm run prebuild -- [--target ${packagedTargets.join(",")}] [--embed]`;
  const { values } = parseWords(usage, {
    options: { target: { type: "string" }, embed: { type: "boolean", default: false } },
  });
  const names = values.target?.split(",") ?? packagedTargets;
  const unknown = names.filter((name) => !packagedTargets.includes(name));
  if (unknown.length > 0) {
    refuseWords(
      `there are no kernels for ${unknown.join(", ")}: one of ${packagedTargets.join(", ")}`,
      usage,
    );
  }
  return { target: names, embed: values.embed };
}
