import { describe, expect, it } from "vitest";
import {
  type CatalogKernel,
  type KernelNeeds,
  lacking,
  serves,
  suiting,
} from "../../../lib/catalog/choose.js";

const NEEDS: KernelNeeds = {
  dtype: "bfloat16",
  kvCacheDtype: "auto",
  headSize: 128,
  blockSize: 16,
  attentionType: "decoder",
  features: [],
};

function kernel(capabilities: Partial<CatalogKernel> = {}): CatalogKernel {
  const identity = { target: "gfx942", provider: "triton", operation: "unified_attention_2d" } as const;
  return { ...identity, verified: "none", ...capabilities };
}

describe("a kernel serves", () => {
  it.each<[string, Partial<CatalogKernel>, Partial<KernelNeeds>, boolean]>([
    ["everything, where it says nothing", {}, { features: ["sinks"], headSize: 80 }, true],
    ["no other dtype", { dtypes: ["float16"] }, {}, false],
    ["no other head size", { headSizes: { oneOf: [64] } }, {}, false],
    ["no other block size", { blockSizes: { oneOf: [32] } }, {}, false],
    ["no other attention type", { attentionTypes: ["decoder"] }, { attentionType: "encoder_decoder" }, false],
    ["auto under the name of the dtype", { kvCacheDtypes: ["auto"] }, { kvCacheDtype: "bfloat16" }, true],
    ["fp8 under its long name", { kvCacheDtypes: ["fp8"] }, { kvCacheDtype: "fp8_e4m3" }, true],
    ["no fp8 with a cache of the model's dtype", { kvCacheDtypes: ["auto"] }, { kvCacheDtype: "fp8" }, false],
    ["the features that it has", { features: ["alibi", "sinks"] }, { features: ["sinks", "alibi"] }, true],
    ["no feature that it lacks", { features: ["alibi"] }, { features: ["sinks", "alibi"] }, false],
    ["nobody without a feature that it has", { features: ["sinks"] }, {}, false],
    [
      "whatever the features in which its operation has no part",
      { operation: "reduce_segments", features: ["sinks"] },
      { features: ["slidingWindow", "sinks"] },
      true,
    ],
    [
      "no other features in which its operation has a part",
      { operation: "reduce_segments", features: [] },
      { features: ["sinks"] },
      false,
    ],
  ])("%s", (_, capabilities, needs, does) => {
    expect(serves(kernel(capabilities), { ...NEEDS, ...needs })).toBe(does);
  });
});

it("a kernel for the very block size runs before one for any", () => {
  const exact = kernel({ blockSizes: { oneOf: [16] } });
  const any = kernel({ blockSizes: { multipleOf: 16 } });
  expect(suiting([any, exact], NEEDS)).toEqual([exact]);
  expect(suiting([any, exact], { ...NEEDS, blockSize: 48 })).toEqual([any]);
});

it("what no kernel takes is named; nothing where each is taken, though by none together", () => {
  const kernels = [kernel({ headSizes: { oneOf: [64] } }), kernel({ dtypes: ["float16"] })];
  expect(lacking(kernels, { ...NEEDS, headSize: 64, dtype: "float16" })).toEqual([]);
  expect(lacking(kernels, NEEDS)).toEqual([]);
  expect(lacking(kernels.slice(0, 1), { ...NEEDS, headSize: 80 })).toEqual(["head size 80"]);
  expect(lacking([kernel({ features: [] })], { ...NEEDS, features: ["slidingWindow", "sinks"] })).toEqual([
    "a sliding window with attention sinks",
  ]);
  expect(lacking([kernel({ features: ["sinks"] })], NEEDS)).toEqual(["no feature"]);
});
