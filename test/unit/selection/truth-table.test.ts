import { describe, expect, it } from "vitest";
import { explain } from "../../../lib/selection/explain.js";
import { syntheticCatalog } from "../../support/catalogs.js";

const LLAMA = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" } as const;
const DEEPSEEK = { numHeads: 16, kvLoraRank: 512, dtype: "bfloat16" } as const;

/** vLLM v0.12's answers, read row by row: AITER, UNIFIED, MHA, PREFILL_DECODE, then off gfx9 and on it. */
const STANDARD = `
  0 0 0 0  TRITON_ATTN              TRITON_ATTN
  0 0 0 1  ROCM_ATTN                ROCM_ATTN
  0 0 1 0  TRITON_ATTN              TRITON_ATTN
  0 0 1 1  ROCM_ATTN                ROCM_ATTN
  0 1 0 0  TRITON_ATTN              TRITON_ATTN
  0 1 0 1  ROCM_ATTN                ROCM_ATTN
  0 1 1 0  TRITON_ATTN              TRITON_ATTN
  0 1 1 1  ROCM_ATTN                ROCM_ATTN
  1 0 0 0  TRITON_ATTN              TRITON_ATTN
  1 0 0 1  ROCM_ATTN                ROCM_ATTN
  1 0 1 0  TRITON_ATTN              ROCM_AITER_FA
  1 0 1 1  ROCM_ATTN                ROCM_AITER_FA
  1 1 0 0  ROCM_AITER_UNIFIED_ATTN  ROCM_AITER_UNIFIED_ATTN
  1 1 0 1  ROCM_AITER_UNIFIED_ATTN  ROCM_AITER_UNIFIED_ATTN
  1 1 1 0  ROCM_AITER_UNIFIED_ATTN  ROCM_AITER_UNIFIED_ATTN
  1 1 1 1  ROCM_AITER_UNIFIED_ATTN  ROCM_AITER_UNIFIED_ATTN`;

function rows(table: string): string[][] {
  return table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/ +/));
}

describe("the automatic choice for standard attention", () => {
  const table = rows(STANDARD);

  it("has a row for each of the 16 sets of flags", () => {
    expect(new Set(table.map((row) => row.slice(0, 4).join(""))).size).toBe(16);
  });

  for (const [aiter, unified, mha, prefillDecode, offGfx9, onGfx9] of table) {
    for (const arch of ["gfx1100", "gfx942"]) {
      for (const installed of [true, false]) {
        const rule = arch === "gfx942" ? onGfx9! : offGfx9!;
        // Without AITER's kernels the next backend whose flag is on is taken, and at last the default.
        const next = prefillDecode === "1" ? "ROCM_ATTN" : "TRITON_ATTN";
        const backend = installed || !rule.startsWith("ROCM_AITER") ? rule : next;
        const flags = `AITER=${aiter} UNIFIED=${unified} MHA=${mha} PREFILL_DECODE=${prefillDecode}`;

        it(`${flags} on ${arch} ${installed ? "with" : "without"} AITER's kernels: ${backend}`, () => {
          const explanation = explain(LLAMA, {
            arch,
            catalog: syntheticCatalog([arch], { aiter: installed }),
            env: {
              VLLM_ROCM_USE_AITER: aiter,
              VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION: unified,
              VLLM_ROCM_USE_AITER_MHA: mha,
              VLLM_V1_USE_PREFILL_DECODE_ATTENTION: prefillDecode,
            },
          });
          expect(explanation).toMatchObject({ rule, backend, error: null });
        });
      }
    }
  }
});

describe("the automatic choice for multi-head latent attention", () => {
  // AITER, MLA flag, block size, target, AITER's kernels; vLLM's answer and ours ("-": an error).
  const table = rows(`
    0 1 16 gfx942  yes  TRITON_MLA      TRITON_MLA
    1 1 16 gfx942  yes  ROCM_AITER_MLA  ROCM_AITER_MLA
    1 0 16 gfx942  yes  TRITON_MLA      TRITON_MLA
    0 0 16 gfx942  yes  TRITON_MLA      TRITON_MLA
    1 1 16 gfx942  no   TRITON_MLA      TRITON_MLA
    1 1 16 gfx1100 yes  TRITON_MLA      TRITON_MLA
    1 1 64 gfx942  yes  ROCM_AITER_MLA  ROCM_AITER_MLA
    0 1 64 gfx942  yes  TRITON_MLA      TRITON_MLA
    1 1 1  gfx942  yes  ROCM_AITER_MLA  ROCM_AITER_MLA
    0 1 1  gfx942  yes  ROCM_AITER_MLA  ROCM_AITER_MLA
    1 0 1  gfx942  yes  ROCM_AITER_MLA  ROCM_AITER_MLA
    0 1 1  gfx942  no   ROCM_AITER_MLA  -
    0 1 1  gfx1100 yes  ROCM_AITER_MLA  -
    0 1 8  gfx942  yes  TRITON_MLA      -`);

  for (const [aiter, mla, block, arch, installed, rule, backend] of table) {
    it(`AITER=${aiter} MLA=${mla}, block size ${block}, ${arch}, AITER's kernels: ${installed}`, () => {
      const explanation = explain(
        { ...DEEPSEEK, blockSize: Number(block) },
        {
          arch: arch!,
          catalog: syntheticCatalog([arch!], { aiter: installed === "yes" }),
          env: { VLLM_ROCM_USE_AITER: aiter, VLLM_ROCM_USE_AITER_MLA: mla },
        },
      );
      expect(explanation.rule).toBe(rule);
      expect(explanation.backend ?? "-").toBe(backend);
      expect(explanation.error?.code).toBe(backend === "-" ? "ERR_NO_BACKEND" : undefined);
    });
  }
});
