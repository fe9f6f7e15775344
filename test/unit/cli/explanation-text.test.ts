import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import { explanationText } from "../../../lib/cli/explain/text.js";
import { explain } from "../../../lib/selection/explain.js";
import type { Explanation } from "../../../lib/selection/explanation.js";
import { registerCapabilities } from "../../../lib/selection/registry.js";
import { explanationLine } from "../../../lib/selection/text.js";
import { syntheticCatalog } from "../../support/catalogs.js";

const LLAMA = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" } as const;
const GPT_OSS = { ...LLAMA, numHeads: 64, headSize: 64, slidingWindow: 128, sinks: true } as const;
const CATALOG = syntheticCatalog(["gfx942", "gfx1100"], { aiter: true });
const WITHOUT_AITER = syntheticCatalog(["gfx942"], { aiter: false });

const FALLBACK = explain(LLAMA, {
  arch: "gfx942",
  catalog: WITHOUT_AITER,
  env: { VLLM_ROCM_USE_AITER: "1", VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION: "yes" },
});
const HYBRID = explain(GPT_OSS, {
  catalog: CATALOG,
  env: { VLLM_ATTENTION_BACKEND: "ROCM_ATTN", VLLM_ROCM_CUSTOM_PAGED_ATTN: "0" },
});
const FAILURE = explain(
  { ...LLAMA, logitsSoftCap: 50, headSize: 80 },
  { arch: "gfx1100", catalog: CATALOG, env: { VLLM_ATTENTION_BACKEND: "ROCM_AITER_FA" } },
);

/** As in a terminal of 100 columns without colours. */
const plain = (explanation: Explanation) => explanationText(explanation, { width: 100, color: false });

describe("the text of an explanation", () => {
  it("of a choice that fell back", () => {
    expect(`\n${plain(FALLBACK)}\n`).toMatchInlineSnapshot(`
      "
        backend  TRITON_ATTN, the default
        vLLM     would choose ROCM_AITER_FA, and does not check whether it can run
        target   gfx942
        kernels  of the catalog without AITER

      Candidates, in order
          ROCM_AITER_UNIFIED_ATTN  not enabled, and needs AITER's kernels, which are not there for gfx942
        x ROCM_AITER_FA            needs AITER's kernels, which are not there for gfx942
          ROCM_ATTN                not enabled: set VLLM_V1_USE_PREFILL_DECODE_ATTENTION=1
        * TRITON_ATTN              chosen
          FLEX_ATTENTION           not enabled: set VLLM_ATTENTION_BACKEND=FLEX_ATTENTION

      Kernels
        prefill      triton unified_attention_2d (not verified)
        decode       triton unified_attention_3d + reduce_segments (not verified), for decodes split over
                     their keys
                     else triton unified_attention_2d (not verified)
        mixed        triton unified_attention_3d + reduce_segments + unified_attention_2d (not verified),
                     for decodes split over their keys
                     else triton unified_attention_2d (not verified)
        cache write  triton reshape_and_cache_flash (not verified)

      Variables
        ! VLLM_ROCM_USE_AITER=1
            no effect: ROCM_AITER_FA, which it enables, cannot run this
        ! VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION=yes
            no effect: "yes" is neither 1 or true nor 0 or false, and counts as off
      "
    `);
  });

  it("of kernels that are passed over", () => {
    expect(`\n${plain(HYBRID)}\n`).toMatchInlineSnapshot(`
      "
        backend  ROCM_ATTN, because of VLLM_ATTENTION_BACKEND
        target   gfx942, assumed: no device and no target was given
        kernels  of the catalog with AITER

      Candidates, in order
        * ROCM_ATTN                chosen
          ROCM_AITER_UNIFIED_ATTN  not enabled: set VLLM_ATTENTION_BACKEND=ROCM_AITER_UNIFIED_ATTN
          ROCM_AITER_FA            not enabled, and does not support attention sinks
          TRITON_ATTN              not enabled: set VLLM_ATTENTION_BACKEND=TRITON_ATTN
          FLEX_ATTENTION           not enabled: set VLLM_ATTENTION_BACKEND=FLEX_ATTENTION

      Kernels
        prefill      triton unified_attention_2d (not verified)
        decode       triton unified_attention_3d + reduce_segments (not verified)
                     not hip paged_attention_fp8 + paged_attention_reduce: takes KV cache dtype fp8 or
                     fp8_e4m3, not auto; switched off: VLLM_ROCM_FP8_MFMA_PAGE_ATTN is off,
                     VLLM_ROCM_CUSTOM_PAGED_ATTN is off
                     not hip paged_attention + paged_attention_reduce: switched off:
                     VLLM_ROCM_CUSTOM_PAGED_ATTN is off
        mixed        triton unified_attention_2d + unified_attention_3d + reduce_segments (not verified)
        cache write  hip reshape_and_cache (not verified)

      Variables
          VLLM_ATTENTION_BACKEND=ROCM_ATTN
            chooses ROCM_ATTN
          VLLM_ROCM_CUSTOM_PAGED_ATTN=0
            off: ROCM_ATTN decodes with its Triton kernel
      "
    `);
  });

  it("of a failure", () => {
    expect(`\n${plain(FAILURE)}\n`).toMatchInlineSnapshot(`
      "
        backend  none
        error    ERR_BACKEND_UNSUPPORTED: ROCM_AITER_FA cannot run this configuration on gfx1100: it runs
                 on gfx90a, gfx942 or gfx950, not on gfx1100; takes head size 64, 128 or 256, not 80.
                 TRITON_ATTN could: set VLLM_ATTENTION_BACKEND=TRITON_ATTN. FLEX_ATTENTION could: set
                 VLLM_ATTENTION_BACKEND=FLEX_ATTENTION.
        target   gfx1100
        kernels  of the catalog with AITER

      Candidates, in order
        x ROCM_AITER_FA            runs on gfx90a, gfx942 or gfx950, not on gfx1100; takes head size 64,
                                   128 or 256, not 80
          ROCM_AITER_UNIFIED_ATTN  not enabled, and takes head size 64, 96, 128 or 256, not 80
          ROCM_ATTN                not enabled, and takes head size 32, 64, 96, 128, 160, 192, 224 or 256,
                                   not 80
          TRITON_ATTN              not enabled: set VLLM_ATTENTION_BACKEND=TRITON_ATTN
          FLEX_ATTENTION           not enabled: set VLLM_ATTENTION_BACKEND=FLEX_ATTENTION

      Variables
          VLLM_ATTENTION_BACKEND=ROCM_AITER_FA
            chooses ROCM_AITER_FA
      "
    `);
  });

  it("of candidates that come later, and of the program's own", () => {
    const undo = [
      registerCapabilities("MINE", { kind: "standard", summary: "Mine." }),
      registerCapabilities("ROCM_ATTN", {
        kind: "standard",
        summary: "Mine, too.",
        headSizes: { oneOf: [64] },
      }),
    ];
    const env = { VLLM_ROCM_USE_AITER: "1", VLLM_V1_USE_PREFILL_DECODE_ATTENTION: "1" };
    const text = explanationText(explain(LLAMA, { env, catalog: CATALOG }), { width: 120, color: false });
    for (const back of undo) back();
    expect(`\n${text.split("\n\n")[1]}\n`).toMatchInlineSnapshot(`
      "
      Candidates, in order
          ROCM_AITER_UNIFIED_ATTN  not enabled: set VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION=1
        * ROCM_AITER_FA            chosen
        x ROCM_ATTN                takes head size 64, not 128 (replaced here)
          TRITON_ATTN              could run it too, and comes later
          FLEX_ATTENTION           not enabled: set VLLM_ATTENTION_BACKEND=FLEX_ATTENTION
          MINE                     not enabled: set VLLM_ATTENTION_BACKEND=MINE (registered here)
      "
    `);
  });

  it("of kernels that there are for other configurations", () => {
    const prefill = [{ launches: [{ provider: "triton", operation: "unified_attention_2d" }] }] as const;
    const undo = registerCapabilities("MINE", { kind: "standard", summary: "Mine.", prefill });
    const text = plain(explain({ ...LLAMA, headSize: 512, backend: "MINE" }, { env: {} }));
    undo();
    expect(text).toContain("prefill  triton unified_attention_2d (none for head size 512)");
  });

  it("of a wrong option", () => {
    const text = plain(explain({ ...LLAMA, blockSize: 0 }, { env: {} }));
    expect(`\n${text}\n`).toMatchInlineSnapshot(`
      "
        backend  none
        error    ERR_INVALID_ARGUMENT: expected a positive integer for blockSize, received 0
        target   gfx942, assumed: no device and no target was given
        kernels  those of the published packages
      "
    `);
  });

  it("keeps to the width, and says the same in colour", () => {
    for (const explanation of [FALLBACK, HYBRID, FAILURE]) {
      for (const width of [80, 120]) {
        const plain = explanationText(explanation, { width, color: false });
        const painted = explanationText(explanation, { width, color: true });
        expect(painted).toContain("\u001b[");
        expect(stripVTControlCharacters(painted)).toBe(plain);
        const tooLong = plain.split("\n").filter((line) => line.length > width);
        expect(tooLong).toEqual([]);
      }
    }
  });
});

describe("the line for a log", () => {
  it("names the choice, its source and what was rejected", () => {
    expect(explanationLine(FALLBACK)).toMatchInlineSnapshot(
      `"attention backend on gfx942: requested ROCM_AITER_FA, resolved to TRITON_ATTN, the default; rejected ROCM_AITER_FA: it needs AITER's kernels, which are not there for gfx942"`,
    );
    expect(explanationLine(HYBRID)).toMatchInlineSnapshot(
      `"attention backend on gfx942: requested ROCM_ATTN, resolved to ROCM_ATTN, because of VLLM_ATTENTION_BACKEND"`,
    );
    expect(explanationLine(FAILURE)).toMatchInlineSnapshot(
      `"attention backend on gfx1100: requested ROCM_AITER_FA, resolved to none: ROCM_AITER_FA cannot run this configuration on gfx1100: it runs on gfx90a, gfx942 or gfx950, not on gfx1100; takes head size 64, 128 or 256, not 80. TRITON_ATTN could: set VLLM_ATTENTION_BACKEND=TRITON_ATTN. FLEX_ATTENTION could: set VLLM_ATTENTION_BACKEND=FLEX_ATTENTION."`,
    );
  });
});
