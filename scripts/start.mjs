// `npm start`: sets up what the demo needs, then runs it. All that is behind `npm start --` goes to the demo.
import { spawn } from "node:child_process";
import { aiter } from "./setup/aiter.mjs";
import { kernels } from "./setup/kernels.mjs";
import { nativeOfProcessor } from "./setup/native.mjs";
import { packages } from "./setup/packages.mjs";
import { root } from "./setup/paths.mjs";
import { kernelPython } from "./setup/python.mjs";
import { performSteps } from "./setup/steps.mjs";
import { toolchain } from "./setup/toolchain.mjs";
import { typescript } from "./setup/typescript.mjs";

await performSteps([packages, typescript]);

// Wrong words, or --help, are answered before all that takes long.
const words = process.argv.slice(2);
const { runCommand } = await import("../dist/cli/program.js");
let options = null;
await runCommand(["demo", ...words], async (checked) => {
  options = checked;
});
if (options === null) process.exit();

await performSteps([kernelPython, nativeOfProcessor]);

// The target of the device that the demo will open. HIP's word counts, not the driver's: a GPU that HIP cannot use is none.
const { findGpu } = await import("../dist/cli/gpu.js");
const named =
  options.device?.emulate ?? /^emulator:(gfx\w+)$/.exec(process.env.ROCM_ATTENTION_DEVICE ?? "")?.[1];
const target = named ?? findGpu().gpu?.arch ?? "gfx942";
// The default backend's kernels are our Triton alone; others have kernels that LLVM compiles, or AITER's.
const isBackendNamed =
  options.backend !== undefined ||
  ["VLLM_ATTENTION_BACKEND", "VLLM_ROCM_USE_AITER"].some((name) => process.env[name]);
const ofBackends = isBackendNamed
  ? [toolchain, aiter, kernels(target, "smoke")]
  : [kernels(target, options.model === "mla" ? "demo-mla" : "demo")];
await performSteps(ofBackends);

const demo = spawn(process.execPath, [`${root}/dist/cli/main.js`, "demo", ...words], {
  stdio: "inherit",
});
// The terminal sends Ctrl-C to both processes: the demo ends by itself, and this one after it.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => demo.kill());
demo.on("close", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
});
