import { afterEach, expect, it, vi } from "vitest";
import { runCommand } from "../../../lib/cli/program.js";
import { noHipKernels } from "../../support/hip-kernels.js";

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Types `rocm-attention bench` on an emulated GPU; gives what it prints. */
async function bench(...options: string[]): Promise<string> {
  const print = vi.spyOn(console, "log").mockImplementation(() => {});
  await runCommand(["bench", "--device", "emulator:gfx942", ...options]);
  const text = print.mock.calls.flat().join("\n");
  print.mockRestore();
  return text;
}

it("times decodes, from a graph, and prefills, and says that the emulator's times say nothing", async () => {
  const text = await bench();
  expect(text).toContain("say nothing about a GPU");
  expect(text).toMatch(/\ndecode 2 x 64 +4\/1 +TRITON_ATTN +\d+\.\d/);
  const { device, results } = JSON.parse(await bench("--json"));
  expect(device).toMatchObject({ arch: "gfx942", emulated: true });
  expect(results).toMatchObject([
    { name: "decode 2 x 64", backend: "TRITON_ATTN", layers: 2, graph: true, limits: null },
    { name: "prefill 32", backend: "TRITON_ATTN", layers: 2, graph: false, limits: null },
  ]);
  for (const { microseconds } of results) expect(microseconds).toBeGreaterThan(0);
});

it.skipIf(noHipKernels !== null)("times a shape and a backend that are named", async () => {
  const { results } = JSON.parse(await bench("--shape", "decode", "--backend", "ROCM_ATTN", "--json"));
  expect(results).toMatchObject([{ name: "decode 2 x 64", backend: "ROCM_ATTN" }]);
});

it("refuses a shape that there is not", async () => {
  const complain = vi.spyOn(console, "error").mockImplementation(() => {});
  await bench("--shape", "nothing");
  expect(complain.mock.calls.flat().join()).toMatch(
    /expected a part of decode 2 x 64, prefill 32 for --shape/,
  );
  expect(process.exitCode).toBe(1);
});
