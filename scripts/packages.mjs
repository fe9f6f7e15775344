// `npm run packages`: builds everything that is published and leaves the tarballs in build/packages.
import { join } from "node:path";
import { packKernels, packMain } from "./pack.mjs";
import { writeReleased } from "./released.mjs";
import { aiter } from "./setup/aiter.mjs";
import { kernels } from "./setup/kernels.mjs";
import { native } from "./setup/native.mjs";
import { packages } from "./setup/packages.mjs";
import { root, shown } from "./setup/paths.mjs";
import { kernelPython } from "./setup/python.mjs";
import { performSteps } from "./setup/steps.mjs";
import { packagedTargets } from "./setup/targets.mjs";
import { toolchain } from "./setup/toolchain.mjs";
import { typescript } from "./setup/typescript.mjs";

await performSteps([
  packages,
  typescript,
  kernelPython,
  toolchain,
  aiter,
  ...packagedTargets.map((target) => kernels(target, "all")),
  native,
]);
writeReleased(packagedTargets);
const destination = join(root, "build", "packages");
console.log(shown(await packMain(destination)));
for (const target of packagedTargets) console.log(shown(await packKernels(target, destination)));
