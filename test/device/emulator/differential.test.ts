import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS } from "../../../lib/device/device.js";
import { compileText, noCompiler } from "../../support/compile.js";
import { onGpu, openTestDevice, setOptions } from "../../support/device.js";
import { GROUP, INPUTS, ITEMS, OUTPUTS, randomInput, randomProgram } from "../../support/random-program.js";
import { kernargs } from "../../support/runtime-kernels.js";

// Random programs, compiled for the emulated GPUs and for this processor, leave the same bits on both.
// ROCM_ATTENTION_FUZZ_RUNS says how many are tried: one for each 50.

const programs = Math.ceil(Number(process.env.ROCM_ATTENTION_FUZZ_RUNS ?? 500) / 50);
const seeds = Array.from({ length: programs }, (_, i) => i + 1);
const KERNELS = 12;
const LEVELS = ["-O0", "-O1", "-O3"];

/** Without a library, and with what C++ leaves open: signed integers wrap, nothing is fused or computed more widely. */
const FLAGS = [
  ...["-x", "c++", "-std=c++20", "-w", "-ffreestanding", "-fno-builtin", "-nostdlib", "-fuse-ld=lld"],
  ...["-fwrapv", "-fno-strict-aliasing", "-ffp-contract=off"],
];
const DEVICE_FLAGS = [...FLAGS, "--target=amdgcn-amd-amdhsa", "-nogpulib", "-mcode-object-version=5"];
const HOST_FLAGS = [
  ...[...FLAGS, "--target=x86_64-linux-gnu", "-march=x86-64-v3", "-O1", "-static", "-fno-pic"],
  ...["-Xclang", "-ffloat16-excess-precision=none"],
];

/** The output of each kernel on this processor. */
async function runOnHost(text: string, input: Int32Array<ArrayBuffer>): Promise<BigUint64Array[]> {
  const program = await compileText(text, HOST_FLAGS);
  const bytes = execFileSync(program, { input: new Uint8Array(input.buffer), maxBuffer: 2 ** 26 });
  const words = new BigUint64Array(Uint8Array.from(bytes).buffer);
  const size = ITEMS * OUTPUTS;
  return Array.from({ length: KERNELS }, (_, k) => words.subarray(k * size, (k + 1) * size));
}

async function runOnDevice(
  device: Device,
  object: string,
  input: Int32Array<ArrayBuffer>,
): Promise<BigUint64Array[]> {
  using module = device.loadModule(readFileSync(object));
  using source = await device.upload(input, { shape: [ITEMS * INPUTS], dtype: "int32" });
  const results: BigUint64Array[] = [];
  for (let k = 0; k < KERNELS; k++) {
    using output = device.zeros([2 * ITEMS * OUTPUTS], "int32");
    device.defaultStream.launch(module.kernel(`kernel${k}`), {
      ...{ grid: [ITEMS / GROUP], block: GROUP, kernargs: kernargs(source.pointer, output.pointer, ITEMS) },
    });
    results.push(new BigUint64Array(Int32Array.from((await output.read()) as Int32Array).buffer));
  }
  return results;
}

/** The first difference of each kernel, in words. */
function differences(actual: BigUint64Array[], expected: BigUint64Array[]): string[] {
  return actual.flatMap((words, k) => {
    const at = words.findIndex((word, i) => word !== expected[k]![i]);
    if (at < 0) return [];
    const [device, host] = [words, expected[k]!].map((from) => `0x${from[at]!.toString(16)}`);
    const place = `work-item ${Math.floor(at / OUTPUTS)}, output[${at % OUTPUTS}]`;
    return [`kernel${k}, ${place}: ${device} on the device, ${host} on the host`];
  });
}

describe.skipIf(noCompiler || onGpu)("a random program gives this processor's bits", () => {
  let devices: Device[];
  beforeEach(() => {
    setOptions({ INSTRUCTION_LIMIT: "1000000" });
    devices = EMULATED_ARCHS.map((emulate) => openTestDevice({ emulate }));
  });
  afterEach(async () => {
    setOptions({ SCHEDULE: "barrier", DELIVERY: "early", CPU: "best", INSTRUCTION_LIMIT: "0" });
    for (const device of devices) await device.close();
  });

  /** Tries every target, with an optimisation that changes from one to the next. */
  async function expectSameBits(seed: number): Promise<void> {
    const [text, input] = [randomProgram(seed, KERNELS), randomInput(seed)];
    const builds = devices.map(async (device, i) => {
      const { arch } = device.info;
      const level = LEVELS[(seed + i) % LEVELS.length]!;
      const object = await compileText(text, [...DEVICE_FLAGS, `-mcpu=${arch}`, level]);
      return { device, object, name: `seed ${seed}, ${arch} ${level}, ${object}` };
    });
    const [expected, ...built] = await Promise.all([runOnHost(text, input), ...builds]);
    for (const { device, object, name } of built) {
      expect(differences(await runOnDevice(device, object, input), expected), name).toEqual([]);
    }
  }

  it.for(seeds)("on every target (seed %i)", async (seed, { skip }) => {
    if (!setOptions({ CPU: "x86_64_v3" })) skip("this CPU has no AVX2 and FMA");
    setOptions({ CPU: "best" });
    await expectSameBits(seed);
  });

  it.for(["x86_64", "x86_64_v3"])("late and in random order on CPU level %s", async (CPU, { skip }) => {
    if (!setOptions({ CPU: "x86_64_v3" })) skip("this CPU has no AVX2 and FMA");
    setOptions({ CPU, SCHEDULE: "seed:1", DELIVERY: "late" });
    for (const seed of [1, 2, 3]) await expectSameBits(seed);
  });
});
