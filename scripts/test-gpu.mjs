// `npm run test:gpu`: the device tests on this machine's first GPU. Says within seconds where there is none to use. Leaves what it
// found in build/gpu: junit.xml, and record.json with every kernel that has matched float64, for kernels/build --verified.
// What follows `--` are files or folders of tests in place of all.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { runVitest } from "./checks.mjs";
import { aiter } from "./setup/aiter.mjs";
import { kernels } from "./setup/kernels.mjs";
import { native } from "./setup/native.mjs";
import { packages } from "./setup/packages.mjs";
import { root, shown } from "./setup/paths.mjs";
import { kernelPython } from "./setup/python.mjs";
import { performSteps } from "./setup/steps.mjs";
import { toolchain } from "./setup/toolchain.mjs";
import { typescript } from "./setup/typescript.mjs";
import { parseWords } from "./setup/words.mjs";

/** What is about the GPU and its kernels; the rest of test/device is about the emulator, or opens one. */
const TESTS = [
  ...["attention", "flex", "kernels", "kv-cache", "mla"],
  ...[
    "device.test.ts",
    "graph.test.ts",
    "metrics.test.ts",
    "module.test.ts",
    "stream.test.ts",
    "tensor.test.ts",
  ],
].map((name) => `test/device/${name}`);

const { positionals: named } = parseWords(
  `npm run test:gpu                       the device tests on this machine's first GPU
npm run test:gpu -- test/device/mla    those of a folder or file
docs/gpu-ci.md says what they leave in build/gpu.`,
  { positionals: true },
);

await performSteps([packages, typescript]);
const { readDriver } = await import("../dist/cli/doctor/driver.js");
const { driverTrouble } = await import("../dist/cli/doctor/remedies.js");
// Another HIP library may have GPUs of its own: it is asked below.
if (!process.env.ROCM_ATTENTION_HIP_LIBRARY) stopAt(driverTrouble(readDriver()));

await performSteps([native]);
const { findGpu } = await import("../dist/cli/gpu.js");
const { gpu, trouble } = findGpu(readDriver(), { required: true });
stopAt(trouble);
await performSteps([kernelPython, toolchain, aiter, kernels(gpu.arch, "all")]);

const folder = join(root, "build", "gpu");
const [lines, junit, record] = ["verified.jsonl", "junit.xml", "record.json"].map((name) =>
  join(folder, name),
);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const reporters = ["--reporter=junit", `--outputFile.junit=${junit}`];
const { passed, failed } = runVitest(
  ["--project", "device", ...reporters, ...(named.length > 0 ? named : TESTS)],
  { device: "gpu", variables: { ROCM_ATTENTION_VERIFIED: lines } },
);
writeFileSync(record, `${JSON.stringify(await recordOf(gpu), null, 1)}\n`);

console.log(
  `${shown(junit)}: every test\n${shown(record)}: what matched float64; kernels/build --verified takes it`,
);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Ends the process with a reason and the command to type next. */
function stopAt(trouble) {
  if (trouble === null) return;
  console.error(`There is no GPU to test on: ${trouble.text}.\nNext: ${trouble.next}`);
  process.exit(1);
}

async function recordOf({ name, arch, gcnArchName, emulated, computeUnits }) {
  const { hipLibrary } = await import("../dist/device/hip-library.js");
  const { hipVersion } = await import("../dist/cli/doctor/driver.js");
  const { path, version } = hipLibrary();
  const { version: of } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return {
    version: of,
    date: new Date().toISOString().slice(0, 10),
    device: { name, arch, gcnArchName, emulated, computeUnits },
    driver: driverVersion(),
    hip: { path, version: hipVersion(version) },
    tests: { passed, failed },
    kernels: kernelsIn(lines, arch, emulated),
  };
}

/** amdgpu's version, or the kernel's that it is a part of; null where there is none. */
function driverVersion() {
  const [module, version] = ["/sys/module/amdgpu", "/sys/module/amdgpu/version"];
  if (existsSync(version)) return readFileSync(version, "utf8").trim();
  return existsSync(module) ? `of Linux ${release()}` : null;
}

/** The kernels of the lines that the tests wrote, each once. */
function kernelsIn(path, arch, emulated) {
  if (!existsSync(path)) return [];
  const noted = readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const own = noted.filter((line) => line.arch === arch && line.emulated === emulated);
  const byId = new Map(own.map(({ id, sha256 }) => [id, { id, sha256 }]));
  return [...byId.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
}
