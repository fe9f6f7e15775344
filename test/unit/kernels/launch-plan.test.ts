import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KERNARG_TYPES, type KernargType, type KernelRow } from "../../../lib/catalog/manifest.js";
import type { Kernel } from "../../../lib/device/module.js";
import type { Stream } from "../../../lib/device/stream.js";
import { LaunchPlan } from "../../../lib/kernels/launch-plan.js";
import { coded } from "../../support/coded.js";
import { launchRecorder } from "../../support/launch-recorder.js";
import { kernelRow, layOut } from "../../support/manifests.js";

/** A stream that notes what is launched on it instead of launching it. */
function recorder() {
  const { calls, stream: gatheringHandle } = launchRecorder();
  return { calls, stream: { gatheringHandle } as unknown as Stream };
}

const kernelOf = (row: KernelRow) =>
  ({ explicitKernargBytes: row.kernargBytes, number: 5 }) as unknown as Kernel;
const planOf = (row: KernelRow) => new LaunchPlan(kernelOf(row), row);

const VALUES: Record<KernargType, fc.Arbitrary<number | bigint>> = {
  pointer: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
  float32: fc.float({ noNaN: true }),
};

/** Writes a value as Node's Buffer does, which knows nothing of plans. */
function writeReference(bytes: Buffer, type: KernargType, offset: number, value: number | bigint): void {
  if (type === "pointer") bytes.writeBigUInt64LE(BigInt(value), offset);
  else if (type === "int64") bytes.writeBigInt64LE(BigInt(value), offset);
  else if (type === "int32") bytes.writeInt32LE(Number(value), offset);
  else bytes.writeFloatLE(Number(value), offset);
}

const someArguments = fc
  .array(
    fc
      .constantFrom(...KERNARG_TYPES)
      .chain((type) => fc.record({ type: fc.constant(type), value: VALUES[type] })),
    { minLength: 1, maxLength: 12 },
  )
  .map((drawn) => drawn.map(({ type, value }, i) => ({ name: `argument${i}`, type, value })));

describe("a launch plan", () => {
  it("lays out arguments as the manifest says, with zeros between and behind them", () => {
    fc.assert(
      fc.property(someArguments, fc.nat(32), (drawn, behind) => {
        const kernargs = layOut(drawn);
        const { offset, size } = kernargs.at(-1)!;
        const row = kernelRow({ kernargs, kernargBytes: offset + size + behind });
        const plan = planOf(row);
        const expected = Buffer.alloc(row.kernargBytes);
        for (const [i, { name, type, value }] of drawn.entries()) {
          // Half of them once and for all, half through setters.
          if (i % 2 === 0) plan.set({ [name]: value });
          else plan.setter(name)(value);
          writeReference(expected, type, kernargs[i]!.offset, value);
        }
        const { calls, stream } = recorder();
        plan.complete().launch(stream, 3, 2, 5);
        expect(calls).toEqual([
          [{ kernel: 5, grid: [3, 2, 5], block: [64, 1, 1], ldsBytes: 0, kernargs: expected }],
        ]);
      }),
    );
  });

  it("launches with what the setters said last", () => {
    const row = kernelRow();
    const plan = planOf(row);
    const [to, scale, count] = [plan.setter("to"), plan.setter("scale"), plan.setter("count")];
    const { calls, stream } = recorder();
    for (const turn of [1, 2]) {
      to(BigInt(turn) << 40n);
      scale(turn / 4);
      count(-turn);
      plan.complete().launch(stream, turn);
    }
    for (const [i, { kernargs }] of calls.flat().entries()) {
      expect(kernargs.readBigUInt64LE(0)).toBe(BigInt(i + 1) << 40n);
      expect(kernargs.readFloatLE(8)).toBe((i + 1) / 4);
      expect(kernargs.readBigInt64LE(16)).toBe(BigInt(-1 - i));
    }
  });

  it("passes over constants that a variant of the kernel does not take, but has setters of its own arguments alone", () => {
    const plan = planOf(kernelRow());
    expect(plan.argumentNames).toEqual(["to", "scale", "count"]);
    plan.set({ window: 3 });
    expect(() => plan.setter("window")).toThrow(coded("ERR_INVALID_ARGUMENT", "to, scale, count", "window"));
    expect(() => plan.complete()).toThrow(coded("ERR_INVALID_ARGUMENT", "none for to, scale, count"));
  });

  it("knows an argument by the name that it has here", () => {
    const kernargs = [{ name: "Q_ptr", as: "query", type: "pointer", offset: 0, size: 8 }] as const;
    const plan = planOf(kernelRow({ kernargs }));
    expect(plan.argumentNames).toEqual(["query"]);
    plan.setter("query")(7n);
    const { calls, stream } = recorder();
    plan.complete().launch(stream, 1);
    expect(calls[0]![0]!.kernargs.readBigUInt64LE(0)).toBe(7n);
    expect(() => plan.setter("Q_ptr")).toThrow(coded("ERR_INVALID_ARGUMENT"));
  });

  it("is incomplete while an argument has neither a value nor a setter", () => {
    const plan = planOf(kernelRow()).set({ to: 0n, scale: 1 });
    expect(() => plan.complete()).toThrow(coded("ERR_INVALID_ARGUMENT", "triton\\.copy", "none for count"));
    expect(plan.set({ count: 2 }).complete()).toBe(plan);
  });

  it.each([
    ["to", 5],
    ["scale", 5n],
    ["scale", Number.NaN],
    ["count", 0.5],
    ["count", 2 ** 53],
    ["count", 5n],
    ["small", 2 ** 31],
    ["small", 0.5],
  ])("refuses %s = %s", (name, value) => {
    const kernargs = layOut([...kernelRow().kernargs, { name: "small", type: "int32" }]);
    const plan = planOf(kernelRow({ kernargs }));
    expect(() => plan.set({ [name]: value })).toThrow(coded("ERR_INVALID_ARGUMENT", name));
  });
});
