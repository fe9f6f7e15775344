import { describe, expect, it } from "vitest";
import type { AttentionConfig, Environment, MlaAttentionConfig } from "../../../lib/config.js";
import { explain } from "../../../lib/selection/explain.js";
import { readFlags, VARIABLE_NAMES, VARIABLES } from "../../../lib/selection/variables.js";

const LLAMA = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" } as const;
const DEEPSEEK = { numHeads: 16, kvLoraRank: 512, dtype: "bfloat16" } as const;

function report(env: Environment, config: AttentionConfig | MlaAttentionConfig = LLAMA) {
  const { variables } = explain(config, { env });
  return Object.fromEntries(
    variables.map(({ name, level, effect, note }) => [name, { level, acts: effect !== null, note }]),
  );
}

describe("flags", () => {
  it("have vLLM's defaults", () => {
    expect(readFlags({})).toEqual({
      VLLM_ROCM_USE_AITER: false,
      VLLM_ROCM_USE_AITER_MHA: true,
      VLLM_ROCM_USE_AITER_MLA: true,
      VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION: false,
      VLLM_ROCM_SHUFFLE_KV_CACHE_LAYOUT: false,
      VLLM_V1_USE_PREFILL_DECODE_ATTENTION: false,
      VLLM_ROCM_USE_AITER_PAGED_ATTN: false,
      VLLM_ROCM_CUSTOM_PAGED_ATTN: true,
      VLLM_ROCM_FP8_MFMA_PAGE_ATTN: false,
      VLLM_ROCM_USE_AITER_FP8BMM: true,
    });
  });

  it.each(["1", "true", "TRUE", "True"])("%j is on", (value) => {
    expect(readFlags({ VLLM_ROCM_USE_AITER: value }).VLLM_ROCM_USE_AITER).toBe(true);
  });

  it.each(["0", "false", "FALSE", "", "yes", "on", "2", " 1"])("%j is off, default or not", (value) => {
    const flags = readFlags({ VLLM_ROCM_USE_AITER: value, VLLM_ROCM_USE_AITER_MHA: value });
    expect([flags.VLLM_ROCM_USE_AITER, flags.VLLM_ROCM_USE_AITER_MHA]).toEqual([false, false]);
  });

  it.each(["yes", "on", "2", " 1"])("%j gives a warning", (value) => {
    const { VLLM_ROCM_USE_AITER } = report({ VLLM_ROCM_USE_AITER: value });
    expect(VLLM_ROCM_USE_AITER).toMatchObject({ level: "warning", acts: false });
    expect(VLLM_ROCM_USE_AITER!.note).toContain("counts as off");
  });

  it("may act by a word that counts as off, and still give a warning", () => {
    const reports = report({ VLLM_ROCM_USE_AITER: "1", VLLM_ROCM_USE_AITER_MHA: "yes" });
    expect(reports.VLLM_ROCM_USE_AITER_MHA).toEqual({
      level: "warning",
      acts: true,
      note: '"yes" is neither 1 or true nor 0 or false, and counts as off',
    });
  });

  it("are read once each, and nothing else is", () => {
    const reads: unknown[] = [];
    const env = new Proxy({}, { get: (_, name) => void reads.push(name) });
    explain(LLAMA, { env });
    expect(reads).toEqual(VARIABLE_NAMES);
  });

  it("are no flags where vLLM reads them as a number", () => {
    expect(report({ VLLM_BATCH_INVARIANT: "1" })).toMatchObject({
      VLLM_BATCH_INVARIANT: { level: "warning", acts: false },
    });
  });

  it("are read when selection runs", () => {
    const env: Record<string, string> = {};
    expect(explain(LLAMA, { env }).backend).toBe("TRITON_ATTN");
    env.VLLM_V1_USE_PREFILL_DECODE_ATTENTION = "1";
    expect(explain(LLAMA, { env }).backend).toBe("ROCM_ATTN");
  });
});

describe("what is said of a variable that is set", () => {
  it("warns of a switch below AITER's master switch that is off", () => {
    expect(report({ VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION: "1" })).toEqual({
      VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION: {
        level: "warning",
        acts: false,
        note: "needs VLLM_ROCM_USE_AITER=1",
      },
    });
  });

  it("only mentions a flag that says what it is without", () => {
    for (const [off, on] of [
      ["0", "1"],
      ["False", "TRUE"],
      ["", "true"],
    ]) {
      expect(report({ VLLM_ROCM_USE_AITER: off, VLLM_ROCM_USE_AITER_MHA: on })).toEqual({
        VLLM_ROCM_USE_AITER: { level: "info", acts: false, note: "off, as without it" },
        VLLM_ROCM_USE_AITER_MHA: { level: "info", acts: false, note: "on, as without it" },
      });
    }
  });

  it("warns of a flag that a better one shadows", () => {
    expect(report({ VLLM_ROCM_USE_AITER: "1", VLLM_V1_USE_PREFILL_DECODE_ATTENTION: "1" })).toEqual({
      VLLM_ROCM_USE_AITER: { level: "info", acts: true, note: undefined },
      VLLM_V1_USE_PREFILL_DECODE_ATTENTION: {
        level: "warning",
        acts: false,
        note: "ROCM_AITER_FA runs with and without it",
      },
    });
  });

  it("only mentions selection flags under a named backend, and a switch of another kind of attention", () => {
    expect(report({ VLLM_ATTENTION_BACKEND: "TRITON_ATTN", VLLM_ROCM_USE_AITER: "1" })).toMatchObject({
      VLLM_ATTENTION_BACKEND: { level: "info", acts: true },
      VLLM_ROCM_USE_AITER: { level: "info", acts: false, note: "ignored, since the backend is named" },
    });
    expect(report({ VLLM_V1_USE_PREFILL_DECODE_ATTENTION: "1" }, DEEPSEEK)).toMatchObject({
      VLLM_V1_USE_PREFILL_DECODE_ATTENTION: { level: "info", note: "acts on standard attention alone" },
    });
  });

  it("says that switches within a named backend still act", () => {
    const env = {
      VLLM_ATTENTION_BACKEND: "ROCM_ATTN",
      VLLM_ROCM_USE_AITER: "1",
      VLLM_ROCM_USE_AITER_PAGED_ATTN: "1",
    };
    expect(report(env)).toMatchObject({
      VLLM_ROCM_USE_AITER: { acts: true },
      VLLM_ROCM_USE_AITER_PAGED_ATTN: { acts: true },
    });
    const [decode] = explain(LLAMA, { env }).phases.filter(({ phase }) => phase === "decode");
    const operations = decode!.kernels[0]!.launches.map(({ operation }) => operation);
    expect(operations).toEqual(["unified_attention_3d", "reduce_segments"]);
    expect(decode!.passedOver.at(-1)!.reasons).toEqual([
      "switched off: VLLM_ROCM_USE_AITER and VLLM_ROCM_USE_AITER_PAGED_ATTN are on",
    ]);
  });

  it("warns of a switch within a backend that does not run", () => {
    expect(report({ VLLM_ROCM_CUSTOM_PAGED_ATTN: "0" })).toEqual({
      VLLM_ROCM_CUSTOM_PAGED_ATTN: { level: "warning", acts: false, note: "acts within ROCM_ATTN" },
    });
  });

  it("says what fp8 products need", () => {
    const env = { VLLM_ATTENTION_BACKEND: "ROCM_ATTN", VLLM_ROCM_FP8_MFMA_PAGE_ATTN: "1" };
    expect(report(env)).toMatchObject({ VLLM_ROCM_FP8_MFMA_PAGE_ATTN: { level: "warning", acts: false } });
    expect(report(env, { ...LLAMA, kvCacheDtype: "fp8" })).toMatchObject({
      VLLM_ROCM_FP8_MFMA_PAGE_ATTN: { level: "info", acts: true },
    });
  });

  it("warns of every variable that has no effect in this package", () => {
    const without = VARIABLE_NAMES.filter((name) => VARIABLES[name].effect === null);
    expect(without.length).toBeGreaterThan(0);
    const reports = report(Object.fromEntries(without.map((name) => [name, "1"])), DEEPSEEK);
    for (const name of without) expect(reports[name]).toMatchObject({ level: "warning", acts: false });
  });
});

describe("a variable that vLLM does not have", () => {
  it.each([
    ["VLLM_USE_AITER", "VLLM_ROCM_USE_AITER"],
    ["VLLM_ATTENTION_BACKENDS", "VLLM_ATTENTION_BACKEND"],
    ["VLLM_ROCM_USE_ATIER_MLA", "VLLM_ROCM_USE_AITER_MLA"],
    ["VLLM_ROCM_PAGED_ATTN", "VLLM_ROCM_CUSTOM_PAGED_ATTN"],
    ["VLLM_USE_AITER_UNIFIED_ATTENTION", "VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION"],
    ["VLLM_LOGING_LEVEL", "VLLM_LOGGING_LEVEL"],
  ])("%s is warned of with the nearest name: %s", (name, nearest) => {
    const { variables, backend } = explain(LLAMA, { env: { [name]: "1" } });
    const note = `vLLM has no such variable. Did you mean ${nearest}?`;
    expect(variables).toEqual([{ name, value: "1", effect: null, note, level: "warning" }]);
    expect(backend).toBe("TRITON_ATTN");
  });

  it("is warned of where no name is near, after those that there are", () => {
    const { variables } = explain(LLAMA, { env: { VLLM_QQQQQQQ: "x", VLLM_ROCM_USE_AITER: "1" } });
    expect(variables.map(({ name }) => name)).toEqual(["VLLM_ROCM_USE_AITER", "VLLM_QQQQQQQ"]);
    expect(variables[1]!.note).toBe("vLLM has no such variable");
  });

  it("is text, as all are", () => {
    const env = { VLLM_QQQQQQQ: 1 } as unknown as Environment;
    expect(explain(LLAMA, { env }).error).toMatchObject({ argument: "VLLM_QQQQQQQ" });
  });

  it("is none of those that vLLM reads for something else, nor those of a service called vllm", () => {
    const names = [
      ...[
        "VLLM_LOGGING_LEVEL",
        "VLLM_USE_MODELSCOPE",
        "VLLM_ROCM_USE_AITER_MOE",
        "VLLM_ROCM_USE_SKINNY_GEMM",
      ],
      ...["VLLM_SERVICE_HOST", "VLLM_SERVICE_PORT_HTTP", "VLLM_PORT_8000_TCP_ADDR", "VLLM_PORT", "PATH"],
    ];
    expect(report(Object.fromEntries(names.map((name) => [name, "1"])))).toEqual({});
  });
});
