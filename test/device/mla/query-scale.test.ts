import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Device, explain, type Tensor } from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { onGpu } from "../../support/device.js";
import { isMlaAccurate, MlaCase, type MlaCaseOptions, noMlaKernels } from "../../support/mla-case.js";
import type { Lengths } from "../../support/reference.js";
import { launchesOf } from "../../support/verified.js";

const HEADS = 128;
const OPTIONS = {
  ...{ backend: "ROCM_AITER_MLA", dtype: "bfloat16", numHeads: HEADS, blockSize: 24, seed: 11 },
  kScale: { value: 0.03, as: "number" },
  qScale: { value: 0.04, as: "tensor" },
  compared: [0, 1, 64, 127],
  // Among them splits without keys, two tokens that see different keys, and a prefill.
  lengths: [
    [170, 1],
    [0, 0],
    [3, 2],
    [0, 1],
    [20, 9],
  ],
} as const satisfies MlaCaseOptions;
const DECODES: Lengths = [
  [50, 1],
  [2, 2],
];

const isQuantised = (id: string) => id.startsWith("aiter.mla_decode_fp8.");

describe.skipIf(onGpu || noMlaKernels("ROCM_AITER_MLA"))("queries of latent attention in fp8", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8, memoryBytes: 6 * 2 ** 30 });
  afterAll(() => device.close());

  it.each<Partial<MlaCaseOptions>>([
    {},
    // Large queries saturate.
    {
      ...{ qScale: { value: 0.02, as: "number" }, kScale: { value: 0.03, as: "tensor" } },
      ...{ peak: 4, blockSize: 1, lengths: [[260, 1]] },
    },
  ])("are rounded with their scale: %o", async (given) => {
    const options: MlaCaseOptions = { ...OPTIONS, ...given };
    await using one = await MlaCase.create(device, options);
    const { kernels, result } = await launchesOf(() => one.run());
    expect([...kernels].some(isQuantised)).toBe(true);
    const errors = one.errors(result.output);
    expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
    expect(one.errorTogether(result.output)).toBeLessThan(3e-2);
    const { compared } = OPTIONS;
    for (const [index, expected] of one.data.expected.lse.entries()) {
      const place = Math.floor(index / compared.length) * HEADS + compared[index % compared.length]!;
      expect(Math.abs(result.lse[place]! - expected), `lse ${place}`).toBeLessThan(0.01);
    }
  });

  describe("of a call", () => {
    let [one, outputs]: [MlaCase, Tensor[]] = [null!, []];
    beforeAll(async () => {
      one = await MlaCase.create(device, { ...OPTIONS, lengths: DECODES, compared: [0] });
      outputs = [1, 2].map(() => device.zeros([3, HEADS, 128], "bfloat16"));
    });
    afterAll(async () => {
      for (const output of outputs) output.dispose();
      await one[Symbol.asyncDispose]();
    });
    const call = (output: Tensor, changes: object = {}) => {
      const { attention, batch, cache, weights, inputs } = one;
      attention.forward({ ...inputs, weights, output, batch, cache: cache.layer(0), ...changes });
    };

    it("are rounded in a graph, whatever the step", async () => {
      const stream = device.defaultStream;
      one.attention.prepare(one.batch);
      stream.beginCapture();
      call(outputs[1]!);
      const graph = stream.endCapture();
      for (const seqLens of [
        [51, 4],
        [30, 2],
      ]) {
        one.batch.update({ queryStartLoc: [0, 1, 3], seqLens, blockTable: one.data.blockTable });
        call(outputs[0]!);
        graph.launch(stream);
        const [eager, captured] = await Promise.all(outputs.map((output) => output.read()));
        expect(captured).toEqual(eager);
        expect(eager!.some((bits) => bits !== 0)).toBe(true);
      }
      graph.dispose();
    });

    it("stay as they are without a scale", async () => {
      const { kernels } = await launchesOf(async () => {
        call(outputs[0]!, { qScale: undefined });
        await device.defaultStream.synchronize();
      });
      expect([...kernels].filter(isQuantised)).toEqual([]);
    });

    it.each<[string, unknown]>([
      ["positive number", 0],
      ["positive number", Number.NaN],
      ["Tensor", "1"],
      ["Tensor", null],
    ])("need a %s, not %o", (text, qScale) => {
      expect(() => call(outputs[0]!, { qScale })).toThrow(
        coded("ERR_INVALID_ARGUMENT", `${text}.* for qScale`),
      );
    });

    it("are refused with a cache beyond the kernel's reach", () => {
      const numBlocks = Math.floor(2 ** 32 / (OPTIONS.blockSize * 576)) + 1;
      using cache = one.attention.createKvCache({ numBlocks });
      expect(() => call(outputs[0]!, { cache: cache.layer(0) })).toThrow(
        coded("ERR_BACKEND_UNSUPPORTED", `reach ${numBlocks - 1} blocks`),
      );
    });
  });

  it.each<[string, Partial<MlaCaseOptions>]>([
    ["TRITON_MLA with 2", { backend: "TRITON_MLA", numHeads: 2 }],
    ["ROCM_AITER_MLA with 16", { numHeads: 16 }],
  ])("are not taken by %s heads", async (text, given) => {
    const options = { ...OPTIONS, ...given, lengths: [[1, 1]] as const, compared: [0] };
    await using one = await MlaCase.create(device, options);
    await expect(one.run()).rejects.toThrow(coded("ERR_INVALID_ARGUMENT", `not by ${text} .* for qScale`));
  });

  it("are told of by the explanation", () => {
    const { backend, dtype, numHeads, blockSize } = OPTIONS;
    const config = { backend, dtype, numHeads, blockSize, kvLoraRank: 512, kvCacheDtype: "fp8" } as const;
    const { phases } = explain(config, { env: {}, arch: "gfx942" });
    const [first, second] = phases.find(({ phase }) => phase === "decode")!.kernels;
    expect(first).toMatchObject({ note: "calls with qScale", status: "available" });
    expect(first!.launches.map(({ operation }) => operation)).toContain("mla_decode_fp8");
    expect(second!.launches.map(({ operation }) => operation)).not.toContain("mla_decode_fp8");
  });
});
