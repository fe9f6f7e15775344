import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS } from "../../../lib/device/device.js";
import type { Module } from "../../../lib/device/module.js";
import { fromFloat16, toBfloat16 } from "../../../lib/dtype.js";
import { compileKernels, noCompiler } from "../../support/compile.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { decodeSmallFloat, encodeSmallFloat, type SmallFloat } from "../../support/float8.js";
import { bitsOf, floatOf } from "../../support/lane-values.js";
import { Random, round } from "../../support/reference.js";
import { kernargs } from "../../support/runtime-kernels.js";

// What a compiler makes of each target's own instructions, run against plain expectations.

type Words = Uint32Array | Uint16Array | Uint8Array | Float32Array;

/** a * b^T of 16 rows of `depth`. */
function product(a: ArrayLike<number>, b: ArrayLike<number>, depth: number): Float64Array {
  return Float64Array.from({ length: 256 }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += a[(i >> 4) * depth + k]! * b[(i & 15) * depth + k]!;
    return sum;
  });
}

function expectClose(actual: ArrayLike<number>, expected: Float64Array): void {
  const scale = Math.max(...expected.map(Math.abs));
  for (const [i, value] of expected.entries()) {
    expect(Math.abs(actual[i]! - value) / scale, `element ${i}`).toBeLessThan(1e-6);
  }
}

describe.skipIf(noCompiler || onGpu).each(EMULATED_ARCHS)("compiled for %s", (arch) => {
  let device: Device;
  let module: Module;
  beforeAll(() => {
    device = openTestDevice({ emulate: arch });
    module = device.loadModule(compileKernels("target-kernels.cpp", arch));
  });
  afterAll(() => device.close());

  /** Launches one wave on inputs, an output of `bytes`, and further arguments; gives back the output. */
  async function run(
    symbol: string,
    inputs: Words[],
    bytes: number,
    ...rest: number[]
  ): Promise<ArrayBuffer> {
    const upload = (data: Words) => {
      const dwords = new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4);
      return device.upload(dwords, { shape: [dwords.length], dtype: "int32" });
    };
    const tensors = await Promise.all(inputs.map(upload));
    const output = device.zeros([bytes / 4], "int32");
    const pointers = [...tensors, output].map((tensor) => tensor.pointer);
    device.defaultStream.launch(module.kernel(symbol), {
      ...{ grid: [1], block: 64, kernargs: kernargs(...pointers, ...rest) },
    });
    const result = (await output.read()) as Int32Array;
    for (const tensor of [...tensors, output]) tensor.dispose();
    return Int32Array.from(result).buffer;
  }

  it("multiplies bf16 matrices", async () => {
    const depth = 64;
    const [a, b] = [1, 2].map((seed) => round("bfloat16", new Random(seed).normals(16 * depth)));
    const c = await run("product", [a!.bits as Uint16Array, b!.bits as Uint16Array], 1024, depth);
    expectClose(new Float32Array(c), product(a!.values, b!.values, depth));
  });

  it("flushes denormal bf16 factors on gfx90a alone", async () => {
    const tiny = toBfloat16(2 ** -130);
    const a = Uint16Array.from({ length: 512 }, (_, i) => (i % 32 === 0 ? tiny : 0));
    const b = Uint16Array.from({ length: 512 }, () => toBfloat16(2 ** 100));
    const c = new Float32Array(await run("product", [a, b], 1024, 32));
    expect(c).toEqual(new Float32Array(256).fill(arch === "gfx90a" ? 0 : 2 ** -30));
  });

  it("adds pairs of f16 atomically and gives back what was there", async () => {
    const values = Uint32Array.from({ length: 64 }, (_, i) => 0x3c00 | ((0x3800 + (i >> 5)) << 16)); // 1, about 0.5
    using sums = await device.upload(new Int32Array(32), { shape: [32], dtype: "int32" });
    using input = await device.upload(new Int32Array(values.buffer), { shape: [64], dtype: "int32" });
    using before = device.zeros([64], "int32");
    device.defaultStream.launch(module.kernel("addPairs"), {
      ...{ grid: [1], block: 64, kernargs: kernargs(sums.pointer, input.pointer, before.pointer) },
    });
    const first = fromFloat16(0x3800);
    const halves = (words: unknown) =>
      Array.from(new Uint16Array((words as Int32Array).slice().buffer), fromFloat16);
    expect(halves(await before.read())).toEqual([
      ...Array(64).fill(0),
      ...Array.from({ length: 64 }, (_, i) => (i % 2 ? first : 1)),
    ]);
    // 0.5 + 0.50048828125 lies between two values of f16 and rounds to the even one.
    expect(halves(await sums.read())).toEqual(Array.from({ length: 64 }, (_, i) => (i % 2 ? 1 : 2)));
  });

  if (arch !== "gfx90a") {
    const [fp8, bf8]: [SmallFloat, SmallFloat] =
      arch === "gfx942" ? ["e4m3fnuz", "e5m2fnuz"] : ["e4m3fn", "e5m2"];

    it(`narrows to ${fp8} and ${bf8} without saturating`, async () => {
      const random = new Random(3);
      const edges = [
        0,
        -0,
        240,
        248,
        256,
        -448,
        464,
        465,
        480,
        57344,
        61440,
        -65536,
        1e30,
        2 ** -10,
        2 ** -11,
      ];
      const special = [...edges, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
      const input = Float32Array.from({ length: 128 }, (_, i) =>
        i < special.length ? special[i]! : random.normals(1, 2 ** ((i % 24) - 12))[0]!,
      );
      const codes = new Uint8Array(await run("narrow", [input], 256));
      const same = (format: SmallFloat, code: number, value: number) =>
        Number.isNaN(decodeSmallFloat(format, encodeSmallFloat(format, value)))
          ? Number.isNaN(decodeSmallFloat(format, code))
          : code === encodeSmallFloat(format, value);
      for (const [i, value] of input.entries()) {
        const at = (i >> 1) * 4 + (i & 1);
        expect(same(fp8, codes[at]!, value), `${fp8} of ${value} is ${codes[at]}`).toBe(true);
        expect(same(bf8, codes[at + 2]!, value), `${bf8} of ${value} is ${codes[at + 2]}`).toBe(true);
      }
    });

    it(`widens every code of ${fp8}`, async () => {
      const codes = Uint8Array.from({ length: 256 }, (_, i) => i);
      const values = new Float32Array(await run("widen", [codes], 1024));
      expect([...values]).toEqual(Array.from(codes, (code) => decodeSmallFloat(fp8, code)));
    });

    it(`multiplies matrices of ${fp8}`, async () => {
      const random = new Random(5);
      const codes = () =>
        Uint8Array.from({ length: 512 }, () =>
          encodeSmallFloat(fp8, Math.max(-9, Math.min(9, random.normals(1)[0]!))),
        );
      const [a, b] = [codes(), codes()];
      const values = (x: Uint8Array) => Array.from(x, (code) => decodeSmallFloat(fp8, code));
      const c = await run("productFp8", [a, b], 1024);
      expectClose(new Float32Array(c), product(values(a), values(b), 32));
    });

    it("loads into LDS without registers", async () => {
      const bytes = arch === "gfx950" ? 16 : 4;
      const input = Uint32Array.from({ length: 16 * bytes }, (_, i) => Math.imul(i + 1, 2654435761));
      const output = new Uint32Array(await run("stage", [input], 64 * bytes));
      const perLane = bytes / 4;
      const expected = input.map((_, i) => input[(Math.floor(i / perLane) ^ 3) * perLane + (i % perLane)]!);
      expect(output).toEqual(expected);
    });
  }

  if (arch === "gfx942") {
    it("multiplies floats of ten mantissa bits", async () => {
      const [a, b] = [7, 8].map((seed) => Float32Array.from(new Random(seed).normals(128)));
      const c = await run("productXf32", [a!, b!], 1024);
      const truncated = (x: Float32Array) => Array.from(x, (value) => floatOf(bitsOf(value) & 0xffffe000));
      expectClose(new Float32Array(c), product(truncated(a!), truncated(b!), 8));
    });
  }

  if (arch === "gfx950") {
    it("reads LDS transposed", async () => {
      const input = Uint16Array.from({ length: 256 }, (_, i) => i * 257);
      const output = new Uint16Array(await run("transpose", [input], 512));
      const expected = input.map((_, i) => {
        const [lane, row] = [i >> 2, i & 3];
        return input[(lane & ~15) * 4 + 16 * row + (lane & 15)]!;
      });
      expect(output).toEqual(expected);
    });

    it("rounds to bf16 and exchanges halves of the wave", async () => {
      const input = Float32Array.from(new Random(9).normals(128));
      const output = new Uint32Array(await run("exchange", [input], 512));
      const bits = (lane: number) =>
        (toBfloat16(input[2 * lane]!) | (toBfloat16(input[2 * lane + 1]!) << 16)) >>> 0;
      // The upper half of the first register changes places with the lower half of the second.
      const expected = Uint32Array.from({ length: 128 }, (_, i) => {
        const lane = i % 32;
        return [bits(lane), ~bits(lane), bits(32 + lane), ~bits(32 + lane)][Math.floor(i / 32)]! >>> 0;
      });
      expect(output).toEqual(expected);
    });
  }
});
