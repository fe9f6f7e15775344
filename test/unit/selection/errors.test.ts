import { describe, expect, it } from "vitest";
import type { AttentionConfig, MlaAttentionConfig } from "../../../lib/config.js";
import { RocmAttentionError } from "../../../lib/errors.js";
import { explain, type SelectionOptions, selectBackend } from "../../../lib/selection/explain.js";
import { syntheticCatalog } from "../../support/catalogs.js";

const LLAMA = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" } as const;
const DEEPSEEK = { numHeads: 16, kvLoraRank: 512, dtype: "bfloat16" } as const;
const CATALOG = syntheticCatalog(["gfx942"], { aiter: true });
const WITHOUT_AITER = syntheticCatalog(["gfx90a", "gfx942", "gfx1100"], { aiter: false });

function failure(config: AttentionConfig | MlaAttentionConfig, options: SelectionOptions = {}) {
  const { backend, error } = explain(config, { env: {}, ...options });
  expect(backend).toBeNull();
  return error!;
}

describe("a named backend that cannot run the configuration", () => {
  it("is an error with every reason and the backends that could", () => {
    const error = failure(
      { ...LLAMA, headSize: 80, sinks: true, backend: "ROCM_AITER_FA" },
      { catalog: CATALOG },
    );
    expect(error.code).toBe("ERR_BACKEND_UNSUPPORTED");
    expect(error.message).toBe(
      "ROCM_AITER_FA cannot run this configuration on gfx942: it takes head size 64, 128 or 256, not 80; " +
        'does not support attention sinks. TRITON_ATTN could: set backend: "TRITON_ATTN". FLEX_ATTENTION could: set backend: "FLEX_ATTENTION".',
    );
  });

  it("is an error off gfx9 for ROCM_AITER_FA, and none on gfx90a", () => {
    const env = { VLLM_ATTENTION_BACKEND: "ROCM_AITER_FA" };
    expect(failure(LLAMA, { env, arch: "gfx1100" }).code).toBe("ERR_BACKEND_UNSUPPORTED");
    expect(explain(LLAMA, { env, arch: "gfx90a" }).backend).toBe("ROCM_AITER_FA");
  });

  it("is an error where it does the other kind of attention", () => {
    expect(failure({ ...LLAMA, backend: "TRITON_MLA" }).message).toContain(
      "it does multi-head latent attention, not standard attention",
    );
    expect(failure({ ...DEEPSEEK, backend: "TRITON_ATTN" })).toMatchObject({
      code: "ERR_BACKEND_UNSUPPORTED",
    });
  });

  it("is ERR_AITER_NOT_INSTALLED where nothing but AITER's kernels is lacking", () => {
    const options = { catalog: WITHOUT_AITER };
    for (const backend of ["ROCM_AITER_FA", "ROCM_AITER_UNIFIED_ATTN"]) {
      const { code, message } = failure({ ...LLAMA, backend }, options);
      expect(code).toBe("ERR_AITER_NOT_INSTALLED");
      expect(message).toMatch(
        /which are not installed. (Add them with: npm install|This version of the package has none)/,
      );
      expect(failure({ ...LLAMA, headSize: 80, backend }, options).code).toBe("ERR_BACKEND_UNSUPPORTED");
    }
    expect(failure({ ...DEEPSEEK, backend: "ROCM_AITER_MLA" }, options).code).toBe("ERR_AITER_NOT_INSTALLED");
  });

  it("is told which others could where they have kernels, before those that have none", () => {
    const { message } = failure({ ...LLAMA, batchInvariant: true, backend: "ROCM_AITER_UNIFIED_ATTN" });
    expect(message).toContain('TRITON_ATTN could: set backend: "TRITON_ATTN".');
    expect(message).not.toContain("ROCM_AITER_UNIFIED_ATTN could");
    const small = failure({ ...LLAMA, dtype: "float32", blockSize: 8, backend: "ROCM_ATTN" });
    expect(small.message).toContain("FLEX_ATTENTION could:");
    expect(small.message).toContain("but has no kernels for it");
  });

  it("TRITON_MLA asks for blocks of 16 tokens or more", () => {
    for (const blockSize of [1, 8]) {
      expect(failure({ ...DEEPSEEK, blockSize, backend: "TRITON_MLA" }).message).toContain(
        `takes block size 16 and more, not ${blockSize}`,
      );
    }
    expect(explain({ ...DEEPSEEK, blockSize: 16, backend: "TRITON_MLA" }, { env: {} }).backend).toBe(
      "TRITON_MLA",
    );
  });
});

describe("latent attention of other sizes than DeepSeek's", () => {
  it.each([
    [
      { kvLoraRank: 448, qkRopeHeadDim: 128 },
      "takes kvLoraRank 512, qkRopeHeadDim 64, not kvLoraRank 448, qkRopeHeadDim 128",
    ],
    [{ qkNopeHeadDim: 192 }, "takes qkNopeHeadDim 128, not qkNopeHeadDim 192"],
    [{ vHeadDim: 64 }, "takes vHeadDim 128, not vHeadDim 64"],
    [{ kvLoraRank: 256 }, "takes head size 576, not 320; takes kvLoraRank 512, not kvLoraRank 256"],
  ])("is refused by name and by itself: %j", (sizes, words) => {
    for (const backend of ["TRITON_MLA", "ROCM_AITER_MLA"]) {
      const error = failure({ ...DEEPSEEK, ...sizes, backend });
      expect(error).toMatchObject({
        code: "ERR_BACKEND_UNSUPPORTED",
        message: expect.stringContaining(words),
      });
    }
    const { code, message } = failure({ ...DEEPSEEK, ...sizes });
    expect(code).toBe("ERR_NO_BACKEND");
    expect(message).toContain(words);
  });
});

describe("a name that no backend has", () => {
  const named = (value: string) => failure(LLAMA, { env: { VLLM_ATTENTION_BACKEND: value } });

  it.each([
    ["triton_attn", "Did you mean TRITON_ATTN? Names are written exactly so."],
    ["TRITON_ATTN_VLLM_V1", "Did you mean TRITON_ATTN?"],
    ["ROCM_AITER_UNIFIED", "Did you mean ROCM_AITER_UNIFIED_ATTN?"],
    ["ROCM-AITER-FA", "Did you mean ROCM_AITER_FA?"],
    ["ROCM_AITER", "Did you mean ROCM_AITER_FA?"],
    ["", "An empty value is not the same as none"],
    ["FLASHINFER", "vLLM has FLASHINFER, this package has not. Valid"],
    ["ROCM_AITER_TRITON_MLA", "this package has not. TRITON_MLA decodes with this package's Triton kernels"],
    ["ROCM_AITER_MLA_SPARSE", "this package has not. It attends to the keys that an indexer picks"],
  ])("%j: %s", (value, hint) => {
    const error = named(value);
    expect(error.code).toBe("ERR_INVALID_BACKEND");
    expect(error.message).toContain(hint);
    expect(error.message).toContain("Valid names: TRITON_ATTN, ROCM_ATTN, ROCM_AITER_FA,");
  });

  it("gives no hint where nothing is near, however long the name", () => {
    for (const value of ["cuda", "x".repeat(100_000)])
      expect(named(value).message).not.toContain("Did you mean");
  });

  it("in the variable is a warning alone beneath an option", () => {
    const explanation = explain(
      { ...LLAMA, backend: "ROCM_ATTN" },
      { env: { VLLM_ATTENTION_BACKEND: "TRITON" } },
    );
    expect(explanation).toMatchObject({ backend: "ROCM_ATTN", source: "option" });
    expect(explanation.variables).toMatchObject([{ name: "VLLM_ATTENTION_BACKEND", level: "warning" }]);
  });

  it("is said to come from where it stands", () => {
    const inVariable = explain(LLAMA, { env: { VLLM_ATTENTION_BACKEND: "TRITON" } });
    expect(inVariable).toMatchObject({ source: "VLLM_ATTENTION_BACKEND", rule: null });
    expect(inVariable.error).toEqual({
      code: "ERR_INVALID_BACKEND",
      message: expect.stringContaining('Invalid value "TRITON" for VLLM_ATTENTION_BACKEND.'),
    });
    expect(explain({ ...LLAMA, backend: "TRITON" }, { env: {} })).toMatchObject({
      source: "option",
      error: { code: "ERR_INVALID_BACKEND", argument: "backend" },
    });
  });
});

describe("where nothing is left", () => {
  it("every enabled candidate's reasons are told, and who could", () => {
    const error = failure(
      { ...LLAMA, attentionType: "encoder_only", headSize: 16 },
      { env: { VLLM_V1_USE_PREFILL_DECODE_ATTENTION: "1" }, catalog: CATALOG },
    );
    expect(error.code).toBe("ERR_NO_BACKEND");
    expect(error.message).toBe(
      "No attention backend can run this configuration on gfx942. " +
        "ROCM_ATTN takes head size 32, 64, 96, 128, 160, 192, 224 or 256, not 16; " +
        "takes attention type decoder, not encoder_only. " +
        "TRITON_ATTN takes head size multiples of 8 from 32 to 256, not 16. " +
        "FLEX_ATTENTION could: set VLLM_ATTENTION_BACKEND=FLEX_ATTENTION.",
    );
  });

  it("selectBackend throws the explanation's error", () => {
    const config = { ...DEEPSEEK, blockSize: 8 };
    const { code, message } = failure(config);
    expect(() => selectBackend(config, { env: {} })).toThrow(
      expect.objectContaining({ name: "RocmAttentionError", code, message }),
    );
    expect(() => selectBackend(config, { env: {} })).toThrow(RocmAttentionError);
    expect(selectBackend(LLAMA, { env: {} })).toBe("TRITON_ATTN");
  });
});

describe("wrong options", () => {
  it.each([
    ["numHeads", { ...LLAMA, numHeads: 0 }],
    ["numKvHeads", { ...LLAMA, numKvHeads: 5 }],
    ["headSize", { ...LLAMA, headSize: 12.5 }],
    ["dtype", { ...LLAMA, dtype: "float8" }],
    ["kvCacheDtype", { ...LLAMA, kvCacheDtype: "fp4" }],
    ["blockSize", { ...LLAMA, blockSize: -16 }],
    ["scale", { ...LLAMA, scale: Number.NaN }],
    ["slidingWindow", { ...LLAMA, slidingWindow: 0 }],
    ["alibiSlopes", { ...LLAMA, alibiSlopes: [0.5] }],
    ["logitsSoftCap", { ...LLAMA, logitsSoftCap: 0 }],
    ["sinks", { ...LLAMA, sinks: "yes" }],
    ["attentionType", { ...LLAMA, attentionType: "causal" }],
    ["slidingWindow", { ...LLAMA, attentionType: "encoder_decoder", slidingWindow: 64 }],
    ["alibiSlopes", { ...LLAMA, attentionType: "encoder_decoder", alibiSlopes: new Array(32).fill(0.5) }],
    ["batchInvariant", { ...LLAMA, batchInvariant: 1 }],
    ["backend", { ...LLAMA, backend: 3 }],
    ["env", { ...LLAMA, env: "VLLM_ROCM_USE_AITER=1" }],
    ["VLLM_ROCM_USE_AITER", { ...LLAMA, env: { VLLM_ROCM_USE_AITER: true } }],
    ["config", { ...LLAMA, windowSize: 4096 }],
    ["config", null],
    ["kvLoraRank", { ...DEEPSEEK, kvLoraRank: "512" }],
    ["qkRopeHeadDim", { ...DEEPSEEK, qkRopeHeadDim: 0 }],
  ])("%s in %j", (argument, config) => {
    expect(failure(config as unknown as AttentionConfig)).toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
      argument,
    });
  });

  it.each([
    ["arch", { arch: "mi300" }],
    ["arch", { arch: "gfx942", device: { info: { arch: "gfx942" } } }],
    ["device", { device: {} }],
    ["env", { env: "VLLM_ROCM_USE_AITER=1" }],
    ["env", { env: null }],
    ["catalog", { catalog: "installed" }],
    ["catalog", { catalog: { name: "x", kernels: [null] } }],
    ["catalog", { catalog: { name: "x", kernels: [{ target: "gfx942" }] } }],
    ["options", { device: undefined, gpu: 0 }],
  ])("%s in the selection's options %j", (argument, options) => {
    expect(failure(LLAMA, options as unknown as SelectionOptions)).toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
      argument,
    });
  });
});

it("options that cannot be read, or run in a circle, are answered too", () => {
  const circular: unknown[] = [];
  circular.push(circular);
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const throwing = Object.defineProperty({}, "dtype", { get: () => Symbol("s"), enumerable: true });
  for (const config of [
    { ...LLAMA, alibiSlopes: circular },
    { ...LLAMA, numHeads: Symbol("s") },
    { ...LLAMA, env: proxy },
    proxy,
    throwing,
  ]) {
    expect(failure(config as never)).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  }
  for (const options of [
    5,
    proxy,
    { arch: circular },
    { device: circular },
    { catalog: circular },
    { env: proxy },
  ]) {
    expect(explain(LLAMA, options as never).error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
  }
});
