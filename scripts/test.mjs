// `npm test`: everything that a fresh clone needs, then every check, then one line: "N passed, N failed".

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { kernels, programPath } from "./setup/kernels.mjs";
import { native } from "./setup/native.mjs";
import { packages } from "./setup/packages.mjs";
import { root } from "./setup/paths.mjs";
import { kernelPython, lintPython } from "./setup/python.mjs";
import { performSteps } from "./setup/steps.mjs";
import { toolchain } from "./setup/toolchain.mjs";
import { typescript } from "./setup/typescript.mjs";

const steps = [packages, typescript, lintPython, toolchain];
if (existsSync(join(root, "kernels", "build"))) steps.push(kernelPython, kernels("gfx942", "all"));
if (existsSync(join(root, "CMakeLists.txt"))) steps.push(native);
await performSteps(steps);

const env = { ...process.env, PATH: programPath };
const total = { passed: 0, failed: 0 };

check("biome", process.execPath, ["node_modules/@biomejs/biome/bin/biome", "check", "."]);
check("types of the tests", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "test"]);
check("clang-format", join(lintPython.bin, "clang-format"), [
  "--dry-run",
  "-Werror",
  ...cppSources("native"),
]);
runTests();

console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

function check(name, command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, env, encoding: "utf8" });
  if (status === 0) {
    total.passed++;
    console.log(`✓ ${name}`);
  } else {
    total.failed++;
    console.log(`✗ ${name}\n${stdout}${stderr}`);
  }
}

/** Runs vitest, whose reporter leaves its counts in build/test.json. A vitest that dies counts as one failure. */
function runTests() {
  const report = join(root, "build", "test.json");
  rmSync(report, { force: true });
  const args = [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--reporter=default",
    "--reporter=./scripts/reporter.mjs",
  ];
  const { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: "inherit" });
  const counts = existsSync(report)
    ? JSON.parse(readFileSync(report, "utf8"))
    : { passed: 0, failed: 0, skipped: [] };
  total.passed += counts.passed;
  total.failed += counts.failed || (status === 0 && existsSync(report) ? 0 : 1);
  if (counts.skipped.length > 0) console.log(`${counts.skipped.length} skipped:`);
  for (const { name, reason } of counts.skipped) console.log(`  ${name}: ${reason}`);
}

function cppSources(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => join(folder, name));
}
