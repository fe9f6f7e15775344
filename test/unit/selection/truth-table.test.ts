import { describe, expect, it } from "vitest";
import { explain } from "../../../lib/selection/explain.js";
import { overrideBackend } from "../../../lib/selection/registry.js";
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

describe("vLLM's answer to a named backend", () => {
  // The kind of attention, block size, target, the name; vLLM's answer ("-": an error).
  const table = rows(`
    standard 16 gfx942  TRITON_ATTN              TRITON_ATTN
    standard 24 gfx942  TRITON_ATTN              TRITON_ATTN
    standard 16 gfx1100 ROCM_ATTN                ROCM_ATTN
    standard 16 gfx1100 ROCM_AITER_UNIFIED_ATTN  ROCM_AITER_UNIFIED_ATTN
    standard 16 gfx942  FLEX_ATTENTION           FLEX_ATTENTION
    standard 16 gfx90a  ROCM_AITER_FA            ROCM_AITER_FA
    standard 16 gfx1100 ROCM_AITER_FA            -
    standard 16 gfx906  ROCM_AITER_FA            -
    standard 16 gfx942  ROCM_AITER_MLA           -
    standard 16 gfx942  TRITON_MLA               -
    mla      16 gfx942  TRITON_MLA               TRITON_MLA
    mla      8  gfx942  TRITON_MLA               TRITON_MLA
    mla      1  gfx942  TRITON_MLA               -
    mla      1  gfx942  ROCM_AITER_MLA           ROCM_AITER_MLA
    mla      16 gfx1100 ROCM_AITER_MLA           ROCM_AITER_MLA
    mla      16 gfx942  TRITON_ATTN              -
    mla      16 gfx942  ROCM_AITER_FA            -`);

  for (const [kind, block, arch, name, rule] of table) {
    it(`${name} for ${kind} attention with block size ${block} on ${arch}: ${rule}`, () => {
      const config = { ...(kind === "mla" ? DEEPSEEK : LLAMA), blockSize: Number(block) };
      for (const env of [{}, { VLLM_ROCM_USE_AITER: "1", VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION: "1" }]) {
        const explanation = explain(config, { arch: arch!, env: { ...env, VLLM_ATTENTION_BACKEND: name } });
        expect(explanation.rule ?? "-").toBe(rule);
      }
    });
  }
});

it("block size 1 enables nothing for standard attention", () => {
  const { rule, candidates } = explain({ ...LLAMA, blockSize: 1 }, { env: {} });
  expect(rule).toBe("TRITON_ATTN");
  expect(candidates.filter(({ enabled }) => enabled).map(({ backend }) => backend)).toEqual(["TRITON_ATTN"]);
});

describe("where a choice came from, and what would enable another", () => {
  const catalog = syntheticCatalog(["gfx942"], { aiter: true });
  const AITER = { VLLM_ROCM_USE_AITER: "1" };

  it.each([
    ["default", LLAMA, {}],
    ["VLLM_ROCM_USE_AITER", LLAMA, AITER],
    [
      "VLLM_ROCM_USE_AITER and VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION",
      LLAMA,
      { ...AITER, VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION: "1" },
    ],
    ["VLLM_V1_USE_PREFILL_DECODE_ATTENTION", LLAMA, { VLLM_V1_USE_PREFILL_DECODE_ATTENTION: "1" }],
    ["VLLM_ATTENTION_BACKEND", LLAMA, { ...AITER, VLLM_ATTENTION_BACKEND: "FLEX_ATTENTION" }],
    ["option", { ...LLAMA, backend: "ROCM_ATTN" }, AITER],
    ["default", DEEPSEEK, {}],
    ["VLLM_ROCM_USE_AITER", DEEPSEEK, AITER],
    ["block size 1", { ...DEEPSEEK, blockSize: 1 }, {}],
    ["VLLM_ROCM_USE_AITER", { ...DEEPSEEK, blockSize: 1 }, AITER],
  ])("source: %s", (source, config, env) => {
    expect(explain(config, { env, catalog })).toMatchObject({ source, error: null });
  });

  const enables = (config: Parameters<typeof explain>[0], env: Record<string, string>) =>
    Object.fromEntries(
      explain(config, { env, catalog }).candidates.flatMap(({ backend, enable }) =>
        enable === undefined ? [] : [[backend, enable]],
      ),
    );

  it("the flags that are off, where nothing is named", () => {
    expect(enables(LLAMA, {})).toEqual({
      ROCM_AITER_UNIFIED_ATTN: "VLLM_ROCM_USE_AITER=1 and VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION=1",
      ROCM_AITER_FA: "VLLM_ROCM_USE_AITER=1",
      ROCM_ATTN: "VLLM_V1_USE_PREFILL_DECODE_ATTENTION=1",
      FLEX_ATTENTION: "VLLM_ATTENTION_BACKEND=FLEX_ATTENTION",
    });
    expect(enables(LLAMA, { ...AITER, VLLM_ROCM_USE_AITER_MHA: "0" })).toMatchObject({
      ROCM_AITER_UNIFIED_ATTN: "VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION=1",
      ROCM_AITER_FA: "VLLM_ROCM_USE_AITER_MHA=1",
    });
  });

  it("the means that decides, where a backend is named", () => {
    expect(enables(LLAMA, { VLLM_ATTENTION_BACKEND: "ROCM_ATTN" })).toMatchObject({
      TRITON_ATTN: "VLLM_ATTENTION_BACKEND=TRITON_ATTN",
      ROCM_AITER_FA: "VLLM_ATTENTION_BACKEND=ROCM_AITER_FA",
    });
    expect(enables({ ...LLAMA, backend: "ROCM_ATTN" }, { VLLM_ATTENTION_BACKEND: "x" })).toMatchObject({
      TRITON_ATTN: 'backend: "TRITON_ATTN"',
    });
    overrideBackend("ROCM_ATTN");
    try {
      expect(enables(LLAMA, {})).toMatchObject({ TRITON_ATTN: 'overrideBackend("TRITON_ATTN")' });
    } finally {
      overrideBackend(null);
    }
  });
});
