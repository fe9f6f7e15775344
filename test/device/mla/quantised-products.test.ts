import { afterAll, describe, expect, it } from "vitest";
import { createMlaAttention, Device } from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { onGpu } from "../../support/device.js";
import {
  isMlaAccurate,
  MLA_BACKENDS,
  MlaCase,
  type MlaCaseOptions,
  mlaData,
  noMlaKernels,
  quantisedWeights,
} from "../../support/mla-case.js";
import type { Lengths } from "../../support/reference.js";

const AITER = { VLLM_ROCM_USE_AITER: "1" };
const OPTIONS = { numHeads: 3, blockSize: 16, dtype: "bfloat16", seed: 6 } as const;
const DECODES: Lengths = [
  [90, 1],
  [0, 0],
  [9, 3],
  [0, 1],
];

const operationsOf = (launches: readonly { operation: string }[]) =>
  launches.map(({ operation }) => operation);

describe.skipIf(onGpu)("products of latent attention in fp8", () => {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  afterAll(() => device.close());

  async function errorsOf(options: MlaCaseOptions) {
    await using one = await MlaCase.create(device, options);
    const { output, lse } = await one.run();
    const errors = one.errors(output);
    const lseError = Math.max(...one.data.expected.lse.map((value, row) => Math.abs(lse[row]! - value)));
    return { errors, together: one.errorTogether(output), lseError };
  }

  for (const backend of MLA_BACKENDS) {
    describe.skipIf(noMlaKernels(backend))(backend, () => {
      it.each<Partial<MlaCaseOptions>>([
        { lengths: DECODES },
        { lengths: DECODES, kScale: { value: 0.03, as: "tensor" } },
        // More than a small tile's tokens.
        { lengths: Array.from({ length: 4 }, () => [7, 6] as const), numHeads: 1 },
        // With the scale of W_UK nothing would be left of W_UV.
        { valueFactor: 2 ** -12, numHeads: 2 },
      ])("are those of queries and weights that are rounded so: %o", async (given) => {
        const options = { ...OPTIONS, lengths: DECODES, backend, quantised: true, ...given } as const;
        const { errors, together, lseError } = await errorsOf(options);
        expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
        expect(together).toBeLessThan(3e-2);
        expect(lseError).toBeLessThan(0.05);
        const ofGiven = await errorsOf({ ...options, quantised: false, config: { env: AITER } });
        expect(ofGiven.together).toBeLessThan(5e-2);
        expect(ofGiven.together).toBeGreaterThan(together);
      });

      it("leave prefills as they are", async () => {
        const options = { ...OPTIONS, lengths: [[40, 20]], backend, config: { env: AITER } } as const;
        const { errors } = await errorsOf(options);
        expect(isMlaAccurate(errors, options), JSON.stringify(errors)).toBe(true);
      });
    });
  }

  it("are where a variable asks for them and the GPU has fp8, which the explanation says", () => {
    const config = { numHeads: 2, kvLoraRank: 512, dtype: "bfloat16", backend: "TRITON_MLA" } as const;
    const productsOf = (on: Device, env: Record<string, string>) => {
      using attention = createMlaAttention(on, { ...config, env });
      const decode = attention.explanation.phases.find(({ phase }) => phase === "decode")!;
      return {
        ran: operationsOf(decode.kernels[0]!.launches)[0],
        passedOver: decode.passedOver.flatMap(({ reasons }) => reasons),
      };
    };
    expect(productsOf(device, AITER).ran).toBe("mla_query_product_fp8");
    const off = productsOf(device, { ...AITER, VLLM_ROCM_USE_AITER_FP8BMM: "0" });
    expect(off.ran).toBe("mla_query_product");
    expect(off.passedOver).toContain("switched off: VLLM_ROCM_USE_AITER_FP8BMM is off");
    expect(productsOf(device, {}).ran).toBe("mla_query_product");
    const without = Device.open({ emulate: "gfx90a", computeUnits: 8 });
    const { ran, passedOver } = productsOf(without, AITER);
    expect(ran).toBe("mla_query_product");
    expect(passedOver.join()).toMatch(/runs on gfx942.*, not on gfx90a/);
    return without.close();
  });

  it.each([2 ** -12, 1, 2 ** 12])(
    "have a scale for W_UK and one for W_UV, %d times as large",
    async (valueFactor) => {
      const config = { numHeads: 2, kvLoraRank: 512, dtype: "bfloat16", backend: "TRITON_MLA" } as const;
      using attention = createMlaAttention(device, { ...config, env: AITER });
      const { kvB } = mlaData("gfx942", { ...OPTIONS, numHeads: 2, lengths: [], valueFactor });
      const given = await device.upload(Float32Array.from(kvB), { shape: [2 * 256, 512], dtype: "bfloat16" });
      using weights = attention.prepareKvB(given);
      const { weight, scales } = weights.quantised!;
      const [ofKey, ofValue] = await scales.readFloat32();
      const expected = quantisedWeights("float8_e4m3fnuz", kvB);
      const numbers = await weight.readFloat32();
      for (const [i, number] of numbers.entries()) {
        const scale = i % (256 * 512) < 128 * 512 ? ofKey! : ofValue!;
        if (Math.abs(number * scale - expected[i]!) > 1e-5 * Math.abs(expected[i]!))
          expect([i, number * scale]).toEqual([i, expected[i]]);
      }
    },
  );

  it("take weights that were prepared for them", () => {
    const config = { numHeads: 2, kvLoraRank: 512, dtype: "bfloat16", backend: "TRITON_MLA" } as const;
    const [quantised, plain] = [AITER, {}].map((env) => createMlaAttention(device, { ...config, env }));
    const kvB = device.zeros([2 * 256, 512], "bfloat16");
    const before = device.memory().allocated;
    using weights = plain!.prepareKvB(kvB);
    using both = quantised!.prepareKvB(kvB);
    expect(device.memory().allocated - before).toBeGreaterThanOrEqual(2.5 * kvB.byteLength);
    expect(weights.disposed || both.disposed).toBe(false);
    const cache = quantised!.createKvCache({ numBlocks: 2 });
    expect(() => quantised!.forward({ weights, cache: cache.layer(0) } as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT"),
    );
  });
});
