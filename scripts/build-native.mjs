// `npm run build:native`: the addon and the emulator, compiled with this system's compiler into build/Release.
import { native } from "./setup/native.mjs";
import { packages } from "./setup/packages.mjs";
import { performSteps } from "./setup/steps.mjs";

await performSteps([packages, native]);
