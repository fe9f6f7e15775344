import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS } from "../../../lib/device/device.js";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import type { Module } from "../../../lib/device/module.js";
import { RocmAttentionError } from "../../../lib/errors.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { randomDwords } from "../../support/lane-values.js";
import { noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";

// Damaged code objects load and run, or are refused with a coded error; they never crash or hang anything.
// ROCM_ATTENTION_FUZZ_RUNS says how many are tried.

const disassembler = fileURLToPath(
  new URL("../../../build/Release/rocm_emulator_disassembler", import.meta.url),
);
const numRuns = Number(process.env.ROCM_ATTENTION_FUZZ_RUNS ?? 500);

type Damage =
  | { kind: "flip"; bit: number }
  | { kind: "overwrite"; at: number; size: number; value: bigint }
  | { kind: "cut"; length: number };

/** Headers lie at both ends of an object: the ELF and program headers first, the sections' last. */
const offset = fc.oneof(fc.nat(512), fc.integer({ min: -1024, max: -1 }), fc.nat(1 << 16));
const numbers = fc.oneof(
  fc.bigInt(0n, 4096n),
  fc.bigInt(0n, (1n << 64n) - 1n),
  fc.constantFrom(1n << 31n, 1n << 63n, 0xfffffff4n),
);
const damage = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("flip" as const), bit: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("overwrite" as const),
      at: offset,
      size: fc.constantFrom(1, 2, 4, 8),
      value: numbers,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const), length: fc.nat() }) },
);

function apply(object: Uint8Array, damage: Damage): Uint8Array {
  if (object.length < 8) return object;
  switch (damage.kind) {
    case "flip":
      object[Math.floor(damage.bit / 8) % object.length]! ^= 1 << (damage.bit % 8);
      return object;
    case "overwrite": {
      const field = new Uint8Array(new BigUint64Array([damage.value]).buffer, 0, damage.size);
      const at = ((damage.at % object.length) + object.length) % object.length;
      object.set(field, Math.min(at - (at % damage.size), object.length - damage.size));
      return object;
    }
    case "cut":
      return object.subarray(0, damage.length % object.length);
  }
}

describe.skipIf(!existsSync(disassembler))("the decoder", () => {
  it.each(EMULATED_ARCHS)("takes any words for %s and never reads behind them", (arch) => {
    const next = randomDwords(Date.now());
    // Every second first word begins as a format does that random words rarely hit.
    const tops = [0x7e, 0xbe, 0xbf, 0xb0, 0xb8, 0xc0, 0xd0, 0xd1, 0xd2, 0xd3, 0xd8, 0xdc, 0xdd, 0xe0, 0xe1];
    const lines = Array.from({ length: 50 * numRuns }, () => {
      const words = Array.from({ length: 1 + (next() % 4) }, next);
      if (next() % 2) words[0] = (words[0]! & 0xffffff) | (tops[next() % tops.length]! << 24);
      return words.map((word) => (word >>> 0).toString(16)).join(" ");
    });
    const input = lines.join("\n");
    const output = execFileSync(disassembler, [arch], { input, encoding: "utf8", maxBuffer: 2 ** 30 });
    const decoded = output.trimEnd().split("\n");
    expect(decoded.length).toBe(lines.length);
    for (const [i, line] of decoded.entries()) {
      expect(Number.parseInt(line, 10), lines[i]).toBeLessThanOrEqual(lines[i]!.split(" ").length);
    }
  });

  it("refuses masks that would reach behind exec", () => {
    // v_cmp_eq_u32_e64 exec_hi, v0, v0
    expect(execFileSync(disassembler, ["gfx942"], { input: "d0ca007f 00020100", encoding: "utf8" })).toBe(
      "0\n",
    );
  });
});

describe.skipIf(noCompiler || onGpu)("a damaged code object", () => {
  let device: Device;
  beforeAll(() => {
    setEmulatorOption("INSTRUCTION_LIMIT", "5000");
    device = openTestDevice();
  });
  afterAll(async () => {
    setEmulatorOption("INSTRUCTION_LIMIT", "0");
    await device.close();
  });

  async function launchAll(module: Module): Promise<void> {
    for (const symbol of module.symbols) {
      if (symbol === "stray") continue; // faults undamaged, too
      using memory = await device.upload(new Int32Array(1024).fill(1), { shape: [1024], dtype: "int32" });
      const kernel = module.kernel(symbol);
      const kernargs = new BigUint64Array(Math.ceil(kernel.kernargBytes / 8)).fill(memory.pointer);
      const bytes = new Uint8Array(kernargs.buffer, 0, kernel.kernargBytes);
      device.defaultStream.launch(kernel, { grid: [2], block: 128, kernargs: bytes });
      await device.defaultStream.synchronize();
    }
  }

  async function attempt(object: Uint8Array): Promise<void> {
    try {
      using module = device.loadModule(object);
      await launchAll(module);
    } catch (error) {
      if (!(error instanceof RocmAttentionError)) throw error;
      expect(error.code).toMatch(/^ERR_/);
    }
    if (!device.lost) return;
    await device.close();
    device = openTestDevice();
  }

  it.each(["early", "late"])("loads, runs or is refused (delivery %s)", async (delivery) => {
    setEmulatorOption("DELIVERY", delivery);
    const whole = runtimeKernels(device.info.arch);
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 6 }), async (damages) => {
        await attempt(damages.reduce(apply, Uint8Array.from(whole)));
      }),
      { numRuns },
    );
    setEmulatorOption("DELIVERY", "early");
  });
});
