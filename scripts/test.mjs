// `npm test`: everything that a fresh clone needs, then every check, then one line: "N passed, N failed".
// `npm run test:all`: besides that every kernel of every target, and attention on each of them; writes what it found to
// docs/verification.md.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, runVitest } from "./checks.mjs";
import { verificationPage } from "./docs/verification.mjs";
import { aiter, everyAiterKernel } from "./setup/aiter.mjs";
import { browser } from "./setup/browser.mjs";
import { gpuTarget } from "./setup/gpu.mjs";
import { kernels, testKernels } from "./setup/kernels.mjs";
import { native } from "./setup/native.mjs";
import { oldGlibc } from "./setup/old-glibc.mjs";
import { packages } from "./setup/packages.mjs";
import { root } from "./setup/paths.mjs";
import { prebuilds } from "./setup/prebuilds.mjs";
import { kernelPython, lintPython, zigPython } from "./setup/python.mjs";
import { performSteps } from "./setup/steps.mjs";
import { targets } from "./setup/targets.mjs";
import { testPackages } from "./setup/test-packages.mjs";
import { toolchain } from "./setup/toolchain.mjs";
import { typescript } from "./setup/typescript.mjs";
import { parseWords } from "./setup/words.mjs";

const tested = targets.filter(({ ciSet }) => ciSet !== null);
const { values } = parseWords(
  `npm test                sets up what every check needs, runs them, and ends with "N passed, N failed"
npm run test:all        besides that every kernel of every target; writes docs/verification.md
npm run test:gpu        the device tests on this machine's GPU
npx vitest run PATH     the tests of one file, once the set-up is done`,
  { options: { all: { type: "boolean", default: false } } },
);
const everything = values.all;
const onGpu = process.env.ROCM_ATTENTION_TEST_DEVICE === "gpu";
const setOf = ({ name, ciSet }) => (everything || (onGpu && gpuTarget() === name) ? "all" : ciSet);

// Whatever ends this process, its last line is the verdict: a set-up that fails is a failure too.
let verdict = "0 passed, 1 failed";
process.on("exit", () => console.log(verdict));

await performSteps([
  packages,
  testPackages,
  browser,
  typescript,
  kernelPython,
  lintPython,
  toolchain,
  aiter,
  ...tested.map((target) => kernels(target.name, setOf(target))),
  ...(everything ? [everyAiterKernel] : []),
  native,
  zigPython,
  prebuilds,
  oldGlibc,
  testKernels,
]);

const cppSources = ["native", "kernels"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .filter((name) => /\.(cc|h|hip|cuh)$/.test(name))
    .map((name) => join(folder, name)),
);
const checks = [
  check("biome", process.execPath, [
    "node_modules/@biomejs/biome/bin/biome",
    "check",
    "--error-on-warnings",
    ".",
  ]),
  check("types of the tests", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "test"]),
  check("types of the examples", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "examples"]),
  check("documentation of the API", process.execPath, ["node_modules/typedoc/bin/typedoc", "--emit", "none"]),
  check("clang-format", join(lintPython.bin, "clang-format"), ["--dry-run", "-Werror", ...cppSources]),
];
const passedChecks = checks.filter((ok) => ok).length;
const runs = [
  {
    title: "formatting, lint, types",
    passed: passedChecks,
    failed: checks.length - passedChecks,
    skipped: [],
  },
  { title: "npm test", ...runVitest([], { all: everything }) },
];
if (everything) {
  for (const { name: target } of tested.filter(({ ciSet }) => ciSet === "smoke")) {
    const folders = ["test/device/attention", "test/device/demo"];
    const outcome = runVitest(["--project", "device", ...folders], { device: `emulator:${target}` });
    runs.push({
      title: `attention and the demo on ${target}, emulated, with all of its kernels`,
      ...outcome,
    });
  }
}

const reasons = skippedByReason(runs.flatMap(({ skipped }) => skipped));
if (reasons.length > 0) console.log("skipped:");
for (const [reason, number] of reasons) console.log(`  ${String(number).padStart(4)} in ${reason}`);
if (everything) writeFileSync(join(root, "docs", "verification.md"), verificationPage(runs, reasons));

const count = (outcome) => runs.reduce((sum, run) => sum + run[outcome], 0);
verdict = `${count("passed")} passed, ${count("failed")} failed`;
process.exitCode = count("failed") === 0 ? 0 : 1;

/**
 * How many tests of each file were skipped, and for what reason: their own, or what this machine lacks.
 * @returns {[reason: string, tests: number][]}
 */
function skippedByReason(tests) {
  const lacking = [toolchain, aiter, browser, testKernels, oldGlibc]
    .filter((step) => !step.isDone())
    .map(({ title }) => `${title} is missing`);
  if (onGpu) lacking.push("tests of the emulator do not run on a GPU");
  const counts = new Map();
  for (const { file, reason } of tests) {
    const line = `${file}: ${reason ?? (lacking.join("; ") || "no reason given")}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return [...counts];
}
