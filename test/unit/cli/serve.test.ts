import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runCommand } from "../../../lib/cli/program.js";
import { Device } from "../../../lib/device/device.js";
import { VARIABLE_NAMES } from "../../../lib/selection/variables.js";

const MIXTRAL = "mistralai/Mixtral-8x7B-Instruct-v0.1";
const GEMMA = "google/gemma-2-9b-it";
const folder = mkdtempSync(join(tmpdir(), "serve-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  for (const name of VARIABLE_NAMES) vi.stubEnv(name, undefined);
  vi.spyOn(Device, "list").mockReturnValue([]);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Types words with `rocm-attention explain` in place of `vllm serve`. */
async function explain(words: readonly string[], ...more: string[]): Promise<string> {
  const print = vi.spyOn(console, "log").mockImplementation(() => {});
  await runCommand(["explain", ...words, ...more]);
  return String(print.mock.lastCall?.[0]);
}

async function answer(...words: string[]) {
  return JSON.parse(await explain(words, "--json"));
}

describe("the model", () => {
  it.each([[[MIXTRAL]], [["--model", MIXTRAL]], [[`--model=${MIXTRAL}`]], [[MIXTRAL, "--model", MIXTRAL]]])(
    "is named by %j",
    async (words) => {
      expect(await answer(...words)).toMatchObject({ model: MIXTRAL, error: null });
    },
  );

  it("has one name", async () => {
    const { error } = await answer(MIXTRAL, "--model", GEMMA);
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", argument: "--model" });
  });

  it("may have its config.json elsewhere", async () => {
    const file = join(folder, "config.json");
    writeFileSync(
      file,
      JSON.stringify({ model_type: "llama", num_attention_heads: 8, num_key_value_heads: 8 }),
    );
    expect(await answer("anything/at-all", "--hf-config-path", folder)).toMatchObject({
      model: "anything/at-all",
      config: { numHeads: 8, numKvHeads: 8 },
    });
  });
});

describe("a value is the same in every spelling", () => {
  it.each<[string[][], object]>([
    [
      [
        ["-tp", "8"],
        ["-tp=8"],
        ["--tp", "8"],
        ["--tensor-parallel-size", "8"],
        ["--tensor_parallel_size=8"],
        ["--tensor-par", "8"],
      ],
      { numHeads: 4, numKvHeads: 1 },
    ],
    [
      [["--block-size", "32"], ["--block_size", "32"], ["--block-size=32"], ["--block", "32"]],
      { blockSize: 32 },
    ],
    [[["--kv-cache-dtype", "fp8"], ["--kv_cache_dtype=fp8"]], { kvCacheDtype: "fp8" }],
    [[["--dtype", "half"], ["--dtype=float16"]], { dtype: "float16" }],
    [
      [
        ["--dtype", "float"],
        ["--dtype", "float32"],
      ],
      { dtype: "float32" },
    ],
    [[["--dtype", "auto"], ["--dtype", "bfloat16"], []], { dtype: "bfloat16" }],
    [
      [
        ["--hf-overrides", '{"head_dim": 64}'],
        ["--hf_overrides", '{"head_dim": 64}'],
        ["--hf-overrides.head_dim", "64"],
        ["--hf-overrides.head_dim=64"],
      ],
      { headSize: 64 },
    ],
  ])("%j", async (spellings, expected) => {
    for (const words of spellings) expect((await answer(MIXTRAL, ...words)).config).toMatchObject(expected);
  });

  it("of a model's windows", async () => {
    expect(await answer(GEMMA)).toMatchObject({ layers: [{ layers: 21 }, { layers: 21 }] });
    for (const word of ["--disable-sliding-window", "--disable_sliding_window"]) {
      expect(await answer(GEMMA, word)).toMatchObject({ layers: [{ name: "all 42 layers" }] });
    }
    expect(await answer(GEMMA, "--no-disable-sliding-window")).toMatchObject({
      layers: [{}, { layers: 21 }],
    });
  });

  it("of overrides that go into objects", async () => {
    const file = join(folder, "nested.json");
    const text_config = { model_type: "llama", num_attention_heads: 8, num_hidden_layers: 4 };
    writeFileSync(file, JSON.stringify({ model_type: "llava", text_config }));
    const { config, layers } = await answer(
      file,
      "--hf-overrides.text_config.head_dim",
      "64",
      "--hf-overrides.text_config.num_key_value_heads=2",
    );
    expect(config).toMatchObject({ numHeads: 8, numKvHeads: 2, headSize: 64 });
    expect(layers).toMatchObject([{ layers: 4 }]);
  });
});

describe("--max-model-len", () => {
  it.each([
    ["32768", "32768"],
    ["32k", "32000"],
    ["32K", "32768"],
    ["25.6k", "25600"],
    ["1m", "1000000"],
    ["1M", "1048576"],
    ["auto", "auto"],
    ["-1", "auto"],
  ])("%s is %s, and has no effect", async (text, value) => {
    expect((await answer("--max-model-len", text)).options).toEqual([
      { name: "--max-model-len", value, effect: null },
    ]);
  });

  it.each(["0", "-5", "many", "25.6K", "", "1e99k", "32kk"])("%j is refused", async (text) => {
    expect(await answer("--max-model-len", text)).toMatchObject({ error: { argument: "--max-model-len" } });
  });
});

describe("the backend that newer versions take as an option", () => {
  it.each([
    [["--attention-backend", "ROCM_ATTN"]],
    [["--attention_backend=rocm_attn"]],
    [["--attention-config", '{"backend": "ROCM_ATTN"}']],
    [["--attention-config.backend", "ROCM_ATTN"]],
    [["-ac.backend=ROCM_ATTN"]],
  ])("%j", async (words) => {
    vi.stubEnv("VLLM_ATTENTION_BACKEND", "FLEX_ATTENTION");
    const { backend, source, options } = await answer(...words);
    expect([backend, source]).toEqual(["ROCM_ATTN", "option"]);
    expect(options[0].effect).toContain("since v0.13");
  });

  it("may be chosen by use_prefill_decode_attention", async () => {
    const words = ["--attention-config.use_prefill_decode_attention", "true"];
    expect(await answer(...words)).toMatchObject({
      backend: "ROCM_ATTN",
      source: "VLLM_V1_USE_PREFILL_DECODE_ATTENTION",
    });
  });

  it("is the default where use_prefill_decode_attention is false, whatever the variable says", async () => {
    vi.stubEnv("VLLM_V1_USE_PREFILL_DECODE_ATTENTION", "1");
    expect(await answer()).toMatchObject({ backend: "ROCM_ATTN" });
    const words = ["--attention-config", '{"use_prefill_decode_attention": false}'];
    expect(await answer(...words)).toMatchObject({ backend: "TRITON_ATTN", source: "default" });
  });

  it.each<[string[], string]>([
    [["--attention-backend", "ROCM_ATTENTION"], "ROCM_ATTN"],
    [["--attention-config", '{"backends": "ROCM_ATTN"}'], "did you mean backend?"],
    [["--attention-config", '{"backend": 1}'], "a name for backend"],
    [["--attention-config", '{"use_prefill_decode_attention": 1}'], "true or false"],
    [["--attention-config", "ROCM_ATTN"], "Expected a JSON object"],
    [
      ["--attention-backend", "TRITON_ATTN", "--attention-config.backend", "ROCM_ATTN"],
      "no backend in --attention-config",
    ],
  ])("%j is refused", async (words, message) => {
    const { error } = await answer(...words);
    expect(error.message).toContain(message);
    expect(process.exitCode).toBe(1);
  });
});

describe("other options", () => {
  it("are accepted and named as without effect", async () => {
    const words = [
      ...["--port", "8000", "--max_num_seqs", "256", "--enforce-eager", "--no-enable-prefix-caching", "-O3"],
      ...["--served-model-name", "a", "b", "--seed", "-1", "-q", "fp8", "-cc.mode=3", "-dp", "2"],
      ...["--swap-space", "-0.5", "--hf-token"],
    ];
    const { options, backend } = await answer(MIXTRAL, ...words);
    expect(backend).toBe("TRITON_ATTN");
    const idle = Object.fromEntries(options.map(({ name, value }: Record<string, string>) => [name, value]));
    expect(idle).toEqual({
      "--port": "8000",
      "--max-num-seqs": "256",
      "--enforce-eager": null,
      "--no-enable-prefix-caching": null,
      "--optimization-level": "3",
      "--served-model-name": "a b",
      "--seed": "-1",
      "--quantization": "fp8",
      "--compilation-config": '{"mode":3}',
      "--data-parallel-size": "2",
      "--hf-token": null,
      "--swap-space": "-0.5",
    });
    expect(options.every(({ effect }: { effect: unknown }) => effect === null)).toBe(true);
    expect(await explain([MIXTRAL, ...words])).toMatch(
      /\nOptions\n {4}without effect\n {6}--no-enable-prefix-caching, /,
    );
  });

  it("stand below the answer with their effects", async () => {
    const text = await explain(["--attention-backend", "TRITON_ATTN", "--port", "80"]);
    expect(text).toMatch(
      /\nOptions\n {4}--attention-backend TRITON_ATTN\n {6}names the backend; .*v0\.13.*\n {4}without effect\n {6}--port 80\n$/,
    );
    expect(await explain([])).not.toContain("Options");
  });

  it.each([
    [["-O", "2"], "--optimization-level", "2"],
    [["-O=2"], "--optimization-level", "2"],
    [["-O.mode", "3"], "--compilation-config", '{"mode":3}'],
    [
      ["--compilation-config.cudagraph_capture_sizes+", "1,2"],
      "--compilation-config",
      '{"cudagraph_capture_sizes":["1","2"]}',
    ],
  ])("%j is %s %s", async (words, name, value) => {
    expect((await answer(...words)).options).toMatchObject([{ name, value }]);
  });

  it.each([
    [["--max-model-length", "5"], "--max-model-len"],
    [["--tensor-parallel", "2", "--attention-backends", "X"], "--attention-backend"],
    [["--blocksize", "5"], "--block-size"],
    [["--max-num-sequences", "5"], "--max-num-seqs"],
    [["--enable-prefix-cache"], "--enable-prefix-caching"],
  ])("%j is refused, since vLLM has it not, with the nearest: %s", async (words, nearest) => {
    expect((await answer(...words)).error.message).toMatch(`Did you mean ${nearest}?`);
  });

  it.each([
    [["-dcp", "2"], "no context parallelism"],
    [["--config", "serve.yaml"], "write the options out"],
    [["--dtype", "int8"], "Allowed choices are auto, half"],
    [["--hf-overrides", "[]"], "Expected a JSON object"],
    [["one", "two"], "too many arguments"],
  ])("%j is refused: %s", async (words, message) => {
    const { error } = await answer(...words);
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", message: expect.stringContaining(message) });
  });

  it("lack a value only where the words end", async () => {
    const { error } = JSON.parse(await explain(["--json", "--hf-overrides.head_dim"]));
    expect(error).toMatchObject({ argument: "--hf-overrides.head_dim", code: "ERR_INVALID_ARGUMENT" });
  });

  it("never end without an answer or a coded error", async () => {
    const word = fc.constantFrom(
      ...[
        "--",
        "-",
        "-O",
        "-O.",
        "--.",
        "-.a",
        "-tp",
        "--model",
        "--hf-overrides.a.b",
        "--hf-overrides.__proto__.x",
      ],
      ...[
        "--no-",
        "=",
        "--=",
        "-ac.backend",
        "1",
        "{}",
        "--json",
        "--seed",
        "--served-model-name",
        "--max_model_len",
      ],
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
        await explain(words, "--json");
      }),
    );
  });
});
