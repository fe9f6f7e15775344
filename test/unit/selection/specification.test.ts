import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runCommand } from "../../../lib/cli/program.js";
import { Device } from "../../../lib/device/device.js";
import { VARIABLE_NAMES } from "../../../lib/selection/variables.js";

/** The examples of vLLM's documentation, as they stand there, under the backend that they are examples of. */
const EXAMPLES = {
  TRITON_ATTN: `
# Example 1: Default behavior (no flags needed)
vllm serve meta-llama/Llama-3.1-8B-Instruct
# Example 2: Explicitly set the backend
VLLM_ATTENTION_BACKEND="TRITON_ATTN" vllm serve meta-llama/Llama-3.1-8B-Instruct
# Example 3: Force Triton even if AITER is enabled
VLLM_ROCM_USE_AITER=1 VLLM_ATTENTION_BACKEND="TRITON_ATTN" vllm serve meta-llama/Llama-3.1-8B-Instruct
# Example 4: Fallback to Triton by disabling AITER MHA
VLLM_ROCM_USE_AITER=1 VLLM_ROCM_USE_AITER_MHA=0 vllm serve meta-llama/Llama-3.1-8B-Instruct`,
  ROCM_ATTN: `
# Example 1: Explicit selection
VLLM_ATTENTION_BACKEND="ROCM_ATTN" vllm serve meta-llama/Llama-3.1-8B-Instruct
# Example 2: When enable AITER but still want to use TRITON_ATTN
VLLM_ROCM_USE_AITER=1 VLLM_ATTENTION_BACKEND="ROCM_ATTN" vllm serve meta-llama/Llama-3.1-8B-Instruct
# Example 3
VLLM_ROCM_USE_AITER=1 VLLM_ROCM_USE_AITER_MHA=0 VLLM_ATTENTION_BACKEND="ROCM_ATTN" vllm serve meta-llama/Llama-3.1-8B-Instruct
# Example 4: Legacy flag combination
VLLM_ROCM_USE_AITER=1 VLLM_ROCM_USE_AITER_MHA=0 VLLM_V1_USE_PREFILL_DECODE_ATTENTION=1 vllm serve meta-llama/Llama-3.1-8B-Instruct`,
  ROCM_AITER_FA: `
# Example 1: Only use AITER FA backend without enabling other AITER kernels
VLLM_ATTENTION_BACKEND="ROCM_AITER_FA" vllm serve meta-llama/Llama-3.1-8B-Instruct
# Example 2: Auto-selection via convenience flag
VLLM_ROCM_USE_AITER=1 vllm serve meta-llama/Llama-3.1-8B-Instruct`,
  ROCM_AITER_UNIFIED_ATTN: `
# Example 1: Only use AITER FA backend without enabling other AITER kernels
VLLM_ATTENTION_BACKEND="ROCM_AITER_UNIFIED_ATTN" vllm serve meta-llama/Llama-3.1-8B-Instruct
# Example 2: Force Unified even if AITER flag is set
VLLM_ROCM_USE_AITER=1 VLLM_ATTENTION_BACKEND="ROCM_AITER_UNIFIED_ATTN" vllm serve meta-llama/Llama-3.1-8B-Instruct
# Example 3:
VLLM_ROCM_USE_AITER=1 VLLM_ROCM_USE_AITER_MHA=0 VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION=1 vllm serve meta-llama/Llama-3.1-8B-Instruct`,
  TRITON_MLA: `
# Example 1: Explicit selection (Requires block_size >= 16)
VLLM_ATTENTION_BACKEND="TRITON_MLA" vllm serve deepseek-ai/DeepSeek-R1 -tp 8
# Example 2:
VLLM_ROCM_USE_AITER=1 VLLM_ATTENTION_BACKEND="TRITON_MLA" vllm serve deepseek-ai/DeepSeek-R1 -tp 8`,
  ROCM_AITER_MLA: `
# Example 1: Explicit selection
VLLM_ATTENTION_BACKEND="ROCM_AITER_MLA" vllm serve deepseek-ai/DeepSeek-R1 -tp 8
# Example 2: Implicit selection via AITER flag
VLLM_ROCM_USE_AITER=1 vllm serve deepseek-ai/DeepSeek-R1 -tp 8
# Example 3: Legacy support (block-size 1)
VLLM_ROCM_USE_AITER=1 vllm serve deepseek-ai/DeepSeek-R1 \\
--tp 8 \\
--block-size 1`,
};

beforeEach(() => {
  for (const name of VARIABLE_NAMES) vi.stubEnv(name, undefined);
  vi.spyOn(Device, "list").mockReturnValue([]);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** Types a line, with `rocm-attention explain --json` in place of `vllm serve`; answers what it prints. */
async function type(line: string) {
  const words = line.split(/[ \n]+/);
  const start = words.indexOf("vllm");
  expect(words[start + 1]).toBe("serve");
  for (const setting of words.slice(0, start)) {
    const [name, value] = setting.split("=");
    vi.stubEnv(name!, value!.replaceAll('"', ""));
  }
  const print = vi.spyOn(console, "log").mockImplementation(() => {});
  await runCommand(["explain", ...words.slice(start + 2), "--json"]);
  return JSON.parse(print.mock.calls.map(([text]) => text).join("\n"));
}

describe("the specification's examples, typed with explain in place of vllm serve", () => {
  for (const [backend, text] of Object.entries(EXAMPLES)) {
    const lines = text
      .replaceAll("\\\n", "")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of lines) {
      it(`${line}: ${backend}`, async () => {
        expect(await type(line)).toMatchObject({
          backend,
          rule: backend,
          error: null,
          catalog: "published",
          target: { arch: "gfx942", from: "assumed" },
        });
      });
    }
  }

  it("are all there", async () => {
    expect(
      Object.values(EXAMPLES)
        .join("")
        .match(/vllm serve/g),
    ).toHaveLength(18);
  });
});

describe("the specification's rules", () => {
  const LLAMA = "vllm serve meta-llama/Llama-3.1-8B-Instruct";
  const R1 = "vllm serve deepseek-ai/DeepSeek-R1 -tp 8";
  const ON = [
    "VLLM_ROCM_USE_AITER=1",
    "VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION=1",
    "VLLM_V1_USE_PREFILL_DECODE_ATTENTION=1",
  ];

  it.each(["TRITON_ATTN", "ROCM_ATTN", "ROCM_AITER_FA", "ROCM_AITER_UNIFIED_ATTN", "FLEX_ATTENTION"])(
    "VLLM_ATTENTION_BACKEND takes the highest precedence. If set, other flags are ignored: %s",
    async (backend) => {
      const { variables, ...explanation } = await type(
        `${ON.join(" ")} VLLM_ATTENTION_BACKEND=${backend} ${LLAMA}`,
      );
      expect(explanation).toMatchObject({ backend, source: "VLLM_ATTENTION_BACKEND", error: null });
      for (const { name, effect } of variables) {
        expect(effect !== null, name).toBe(name === "VLLM_ATTENTION_BACKEND");
      }
    },
  );

  it.each([
    ["Priority 1: ROCM_AITER_UNIFIED_ATTN", ON, "ROCM_AITER_UNIFIED_ATTN"],
    ["Priority 2: ROCM_AITER_FA", ON.toSpliced(1, 1), "ROCM_AITER_FA"],
    ["Priority 3: ROCM_ATTN", ON.slice(2), "ROCM_ATTN"],
    ["UNIFIED needs VLLM_ROCM_USE_AITER=1", ON.slice(1), "ROCM_ATTN"],
    ["Default: falls back to TRITON_ATTN", [], "TRITON_ATTN"],
  ])("%s", async (_, flags, backend) => {
    expect(await type([...flags, LLAMA].join(" "))).toMatchObject({ backend, rule: backend });
  });

  it("ROCM_AITER_FA requires gfx9 architecture: named", async () => {
    expect(await type(`VLLM_ATTENTION_BACKEND=ROCM_AITER_FA ${LLAMA} --arch gfx1100`)).toMatchObject({
      backend: null,
      error: { code: "ERR_BACKEND_UNSUPPORTED" },
    });
  });

  it("ROCM_AITER_FA requires gfx9 architecture: by its flag", async () => {
    expect(await type(`VLLM_ROCM_USE_AITER=1 ${LLAMA} --arch gfx1100`)).toMatchObject({
      backend: "TRITON_ATTN",
    });
  });

  it.each([
    [16, "TRITON_MLA"],
    [64, "TRITON_MLA"],
    [8, null],
    [1, null],
  ])("TRITON_MLA requires block_size >= 16: %i", async (blockSize, backend) => {
    const explanation = await type(`VLLM_ATTENTION_BACKEND=TRITON_MLA ${R1} --block-size ${blockSize}`);
    expect(explanation.backend).toBe(backend);
  });

  it.each([16, 1])("ROCM_AITER_MLA supports block_size %i", async (blockSize) => {
    const line = `VLLM_ATTENTION_BACKEND=ROCM_AITER_MLA ${R1} --block-size ${blockSize}`;
    expect((await type(line)).backend).toBe("ROCM_AITER_MLA");
  });
});
