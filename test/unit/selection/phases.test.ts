import { describe, expect, it } from "vitest";
import { explain } from "../../../lib/selection/explain.js";
import { registerCapabilities } from "../../../lib/selection/registry.js";
import { syntheticCatalog } from "../../support/catalogs.js";

const LLAMA = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" } as const;
const DEEPSEEK = { numHeads: 16, kvLoraRank: 512, dtype: "bfloat16" } as const;
const CATALOG = syntheticCatalog(["gfx942"], { aiter: true });

it("what no kernel takes is named, once for all phases", () => {
  const launches = [{ provider: "triton", operation: "unified_attention_2d" }] as const;
  const phase = [{ launches }];
  const undo = registerCapabilities("MINE", {
    ...{ kind: "standard", summary: "Mine.", prefill: phase, decode: phase },
    cacheWrite: [{ launches: [{ provider: "triton", operation: "reduce_segments" }] }],
  });
  const { notes, phases } = explain({ ...LLAMA, blockSize: 24, backend: "MINE" }, { env: {} });
  undo();
  expect(notes).toEqual([
    "createAttention fails with ERR_NO_KERNELS_FOR_ARCH: MINE has no kernels for " +
      "prefill, decode of block size 24 on gfx942",
  ]);
  expect(phases.map(({ kernels }) => kernels.at(-1)!.lacks)).toEqual([
    ["block size 24"],
    ["block size 24"],
    [],
  ]);
});

it("what is not published and can be built is named with its command", () => {
  const config = { ...LLAMA, dtype: "bfloat16", backend: "ROCM_AITER_FA", logitsSoftCap: 20 } as const;
  const { notes, phases } = explain({ ...config, headSize: 64 }, { arch: "gfx942", env: {} });
  expect(notes).toEqual([
    "createAttention fails with ERR_NO_KERNELS_FOR_ARCH: ROCM_AITER_FA's kernels for prefill, mixed of this configuration on " +
      "gfx942 are not among those that are published. Build them in a clone: kernels/build --target gfx942 --set full",
  ]);
  expect(phases[0]!.kernels[0]).toMatchObject({
    command: "kernels/build --target gfx942 --set full",
    lacks: [],
  });
});

it("an encoder has nothing but prefill, and keeps no cache that could have a dtype", () => {
  const { phases } = explain({ ...LLAMA, attentionType: "encoder_only", kvCacheDtype: "fp8" }, { env: {} });
  expect(phases).toMatchObject([{ phase: "prefill", kernels: [{ status: "available" }] }]);
  expect(phases).toHaveLength(1);
});

it("nothing stands behind a kernel that is for all batches", () => {
  const [prefill] = explain({ ...DEEPSEEK, backend: "ROCM_AITER_MLA" }, { catalog: CATALOG, env: {} }).phases;
  expect(prefill).toMatchObject({
    kernels: [{ launches: [{ operation: "mla_join_query" }, {}, { operation: "fmha_forward" }, {}] }],
    passedOver: [],
  });
});

describe("a backend whose kernels are for some batches of a phase alone", () => {
  const catalog = {
    name: "without AITER's unified_attention_2d in bfloat16",
    kernels: CATALOG.kernels.map((row) =>
      row.provider === "aiter" && row.operation === "unified_attention_2d"
        ? { ...row, serves: { ...row.serves, dtypes: ["float16"] } }
        : row,
    ),
  };
  const explanation = explain({ ...LLAMA, backend: "ROCM_AITER_UNIFIED_ATTN" }, { catalog, env: {} });
  const [, decode] = explanation.phases;

  it("does not count as one that has kernels", () => {
    expect(explanation.candidates[0]).toMatchObject({
      backend: "ROCM_AITER_UNIFIED_ATTN",
      kernels: "missing",
    });
    expect(explanation.notes[0]).toContain(
      "ROCM_AITER_UNIFIED_ATTN's kernels for prefill, decode, mixed of this configuration on gfx942 are not installed",
    );
  });

  it("says which run, and which do not for the others", () => {
    expect(decode).toMatchObject({
      phase: "decode",
      kernels: [{ status: "available", note: expect.stringContaining("more than 512 keys") }],
      passedOver: [
        {
          kernel: "aiter unified_attention_2d",
          reasons: ["not installed: unified_attention_2d for this configuration on gfx942"],
        },
      ],
    });
  });
});

it("a kernel that the packages have and this machine has not is missing, whatever else is there", () => {
  const { kernels } = CATALOG;
  const catalog = {
    name: "without unified_attention_2d",
    kernels: kernels.filter(({ operation }) => operation !== "unified_attention_2d"),
  };
  const { candidates, phases, notes } = explain({ ...LLAMA, backend: "TRITON_ATTN" }, { catalog, env: {} });
  expect(candidates[0]).toMatchObject({ backend: "TRITON_ATTN", eligible: true, kernels: "missing" });
  expect(phases[0]!.kernels).toMatchObject([{ status: "missing" }]);
  expect(notes).toEqual([
    "createAttention fails with ERR_NO_KERNELS_FOR_ARCH: TRITON_ATTN's kernels for prefill, decode, mixed of this " +
      "configuration on gfx942 are not installed. Add them with: npm install @rocm-attention/kernels-gfx942   " +
      "(in a clone: kernels/build --target gfx942)",
  ]);
});
