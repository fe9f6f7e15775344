// `npm run build:native`: the addon and the emulator, compiled with this system's compiler into build/Release.
import { native } from "./setup/native.mjs";
import { packages } from "./setup/packages.mjs";
import { performSteps } from "./setup/steps.mjs";
import { parseWords } from "./setup/words.mjs";

parseWords("npm run build:native    compiles the addon and the emulator into build/Release");

await performSteps([packages, native]);
