import { describe, expect, it } from "vitest";
import { type CatalogRow, choose, kernelsFor } from "../../../lib/catalog/choose.js";
import { type KernelNeeds, type Serves, serves } from "../../../lib/catalog/serves.js";

const LAUNCH = { provider: "triton", operation: "unified_attention_2d" } as const;
const NEEDS: KernelNeeds = {
  dtype: "bfloat16",
  kvCacheDtype: "auto",
  headSize: 128,
  blockSize: 16,
  queriesPerKv: 4,
  layout: "paired",
  attentionType: "decoder",
  features: [],
};

const ALL = {
  slidingWindow: "runtime",
  alibi: "runtime",
  logitsSoftCap: "runtime",
  sinks: "runtime",
} as const;

function kernel(of: Partial<Serves>, row: Partial<CatalogRow> = {}): CatalogRow {
  return { target: "gfx942", ...LAUNCH, serves: { features: {}, ...of }, verified: "none", ...row };
}

function chosen(kernels: readonly CatalogRow[], needs: Partial<KernelNeeds> = {}, launch = {}) {
  const index = kernelsFor({ name: "some", kernels }, "gfx942");
  return choose(index, { ...LAUNCH, ...launch }, { ...NEEDS, ...needs });
}

describe("a kernel serves", () => {
  it.each<[string, Partial<Serves>, Partial<KernelNeeds>, boolean]>([
    ["everything on which it does not depend", {}, { headSize: 80, blockSize: 5, layout: "mine" }, true],
    ["no other dtype", { dtypes: ["float16"] }, {}, false],
    ["no other head size", { headSizes: { oneOf: [64] } }, {}, false],
    ["a pair of head sizes", { headSizes: { pairs: [[192, 128]] } }, { expandedHeadSizes: [192, 128] }, true],
    ["no other pair", { headSizes: { pairs: [[192, 128]] } }, { expandedHeadSizes: [128, 192] }, false],
    ["one size by no pair of that", { headSizes: { pairs: [[64, 64]] } }, { headSize: 64 }, false],
    ["no pair by its first size", { headSizes: { oneOf: [192] } }, { expandedHeadSizes: [192, 128] }, false],
    ["no other block size", { blockSizes: { oneOf: [32] } }, {}, false],
    ["no other ratio of heads", { queriesPerKv: { oneOf: [8, 16] } }, {}, false],
    ["no other layout", { layouts: ["halves", "split"] }, {}, false],
    ["any layout, where the backend brings its own", { layouts: ["halves"] }, { layout: null }, true],
    ["no other attention type", { attentionTypes: ["decoder"] }, { attentionType: "encoder_decoder" }, false],
    ["auto under the name of the dtype", { kvCacheDtypes: ["auto"] }, { kvCacheDtype: "bfloat16" }, true],
    ["fp8 under its long name", { kvCacheDtypes: ["fp8"] }, { kvCacheDtype: "fp8_e4m3" }, true],
    ["no fp8 with a cache of the model's dtype", { kvCacheDtypes: ["auto"] }, { kvCacheDtype: "fp8" }, false],
    [
      "those who ask for a compiled feature",
      { features: { sinks: "compiled" } },
      { features: ["sinks"] },
      true,
    ],
    ["nobody else by it", { features: { sinks: "compiled" } }, {}, false],
    ["those who ask for a feature of run time", { features: ALL }, { features: ["sinks", "alibi"] }, true],
    ["and those who do not", { features: ALL }, {}, true],
    [
      "whoever asks for what is not its matter",
      { features: { sinks: "irrelevant" } },
      { features: ["sinks"] },
      true,
    ],
    ["no feature that it does not name", { features: { alibi: "runtime" } }, { features: ["sinks"] }, false],
  ])("%s", (_, of, needs, does) => {
    expect(serves({ features: {}, ...of }, { ...NEEDS, ...needs })).toBe(does);
  });
});

describe("of the kernels that serve", () => {
  const exact = kernel({ blockSizes: { oneOf: [16] } }, { id: "c" });
  const any = kernel({ blockSizes: { multipleOf: 16 } }, { id: "a" });
  const compiled = kernel({ features: { sinks: "compiled" } }, { id: "d" });
  const runtime = kernel({ features: ALL }, { id: "b" });

  it("one for the very block size runs before one for any", () => {
    expect(chosen([any, exact])).toEqual({ rows: [exact] });
    expect(chosen([any, exact], { blockSize: 48 })).toEqual({ rows: [any] });
  });

  it("one with the features compiled in runs before one that has them at run time", () => {
    expect(chosen([runtime, compiled], { features: ["sinks"] })).toEqual({ rows: [compiled] });
    expect(chosen([runtime, compiled])).toEqual({ rows: [runtime] });
  });

  it("one without a feature runs before one that has it at run time and is not asked for it", () => {
    const plain = kernel({}, { id: "p" });
    expect(chosen([runtime, plain])).toEqual({ rows: [plain] });
    expect(chosen([runtime, plain], { features: ["sinks"] })).toEqual({ rows: [runtime] });
  });

  it("the block size counts for more than features", () => {
    const both = kernel({ features: ALL, blockSizes: { oneOf: [16] } }, { id: "e" });
    expect(chosen([compiled, both], { features: ["sinks"] })).toEqual({ rows: [both] });
  });

  it("those that are alike come together, by id", () => {
    const [large, small] = [kernel({}, { id: "m64" }), kernel({}, { id: "m16" })];
    expect(chosen([large, small])).toEqual({ rows: [small, large] });
  });

  it("a variant is chosen from that variant alone", () => {
    const [asm, triton] = [
      kernel({}, { id: "x", variant: "asm" }),
      kernel({}, { id: "y", variant: "triton" }),
    ];
    expect(chosen([asm, triton], {}, { variant: "triton" })).toEqual({ rows: [triton] });
    expect(chosen([asm], {}, { variant: "triton" })).toEqual({ rows: null, unmet: [] });
  });
});

it("needs that no kernel takes are named, or two that none takes together", () => {
  const kernels = [kernel({ headSizes: { oneOf: [64] } }), kernel({ dtypes: ["float16"] })];
  expect(chosen(kernels)).toEqual({ rows: null, unmet: ["bfloat16 with head size 128"] });
  expect(chosen(kernels.slice(0, 1), { headSize: 80 })).toEqual({ rows: null, unmet: ["head size 80"] });
  expect(chosen([kernel({})], { features: ["slidingWindow", "sinks"] })).toEqual({
    rows: null,
    unmet: ["a sliding window with attention sinks"],
  });
  expect(chosen([kernel({ features: { sinks: "compiled" } })])).toEqual({
    rows: null,
    unmet: ["no feature"],
  });
  expect(chosen([kernel({ layouts: ["split"], queriesPerKv: { max: 2 } })])).toEqual({
    rows: null,
    unmet: ["4 query heads per key-value head", "cache layout paired"],
  });
});

it("kernels for another target are not chosen", () => {
  expect(chosen([kernel({}, { target: "gfx950" })])).toEqual({
    rows: null,
    unmet: [],
  });
});
