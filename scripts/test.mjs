// `npm test`: everything that a fresh clone needs, then every check, then one line: "N passed, N failed".
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { check, runVitest } from "./checks.mjs";
import { aiter } from "./setup/aiter.mjs";
import { kernels } from "./setup/kernels.mjs";
import { native } from "./setup/native.mjs";
import { packages } from "./setup/packages.mjs";
import { root } from "./setup/paths.mjs";
import { kernelPython, lintPython } from "./setup/python.mjs";
import { performSteps } from "./setup/steps.mjs";
import { toolchain } from "./setup/toolchain.mjs";
import { typescript } from "./setup/typescript.mjs";

await performSteps([
  packages,
  typescript,
  kernelPython,
  lintPython,
  toolchain,
  kernels("gfx942", "all"),
  kernels("gfx950", "smoke"),
  kernels("gfx90a", "smoke"),
  aiter,
  native,
]);

const cppSources = readdirSync(join(root, "native"), { recursive: true })
  .filter((name) => /\.(cc|h)$/.test(name))
  .map((name) => join("native", name));
const checks = [
  check("biome", process.execPath, ["node_modules/@biomejs/biome/bin/biome", "check", "."]),
  check("types of the tests", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "test"]),
  check("clang-format", join(lintPython.bin, "clang-format"), ["--dry-run", "-Werror", ...cppSources]),
];
const tests = runVitest();

if (tests.skipped.length > 0) console.log(`${tests.skipped.length} skipped:`);
for (const { name, reason } of tests.skipped) console.log(`  ${name}: ${reason}`);
const passed = tests.passed + checks.filter((ok) => ok).length;
const failed = tests.failed + checks.filter((ok) => !ok).length;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
