import { describe, expect, it } from "vitest";
import { explain } from "../../../lib/selection/explain.js";
import { syntheticCatalog } from "../../support/catalogs.js";

const LLAMA = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" } as const;

describe("a backend whose kernels are for some batches of a phase alone", () => {
  const { kernels } = syntheticCatalog(["gfx942"], { aiter: true });
  const catalog = {
    name: "without paged_attention_2d",
    kernels: kernels.filter(({ operation }) => operation !== "paged_attention_2d"),
  };
  const explanation = explain({ ...LLAMA, backend: "ROCM_ATTN" }, { catalog, env: {} });
  const [, decode] = explanation.phases;

  it("does not count as one that has kernels", () => {
    expect(explanation.candidates[0]).toMatchObject({ backend: "ROCM_ATTN", kernels: "planned" });
    expect(explanation.notes).toEqual([
      "createAttention fails with ERR_NO_KERNELS_FOR_ARCH: this version has no kernels of ROCM_ATTN yet for " +
        "decode, mixed of this configuration on gfx942",
    ]);
  });

  it("says which run, and which do not for the others", () => {
    expect(decode).toMatchObject({
      phase: "decode",
      kernels: [{ status: "available", note: "sequences up to 131072 tokens" }],
      passedOver: [
        { kernel: "hip paged_attention_fp8 + paged_attention_reduce" },
        {
          kernel: "triton paged_attention_2d",
          reasons: ["planned: this version has no paged_attention_2d yet"],
        },
      ],
    });
  });
});
