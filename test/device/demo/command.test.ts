import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { DemoReport } from "../../../lib/cli/demo/report.js";
import { onGpu, testDeviceName } from "../../support/device.js";
import { runNode } from "../../support/node.js";

const main = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));

function demo(...options: string[]) {
  return runNode([main, "demo", "--device", testDeviceName, ...options], {
    encoding: "utf8",
  });
}

function report(...options: string[]): DemoReport {
  const { status, stdout, stderr } = demo("--json", ...options);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

describe("rocm-attention demo", () => {
  it("prints one JSON object that says all", () => {
    const result = report("--prompt", "Emma was ", "--tokens", "12", "--sequences", "3", "--seed", "4");
    expect(result.sequences).toHaveLength(3);
    expect(result.text).toBe(result.sequences[0]!.text);
    for (const { prompt, text, tokens } of result.sequences) {
      expect(prompt).toBe("Emma was ");
      expect(text.startsWith(prompt)).toBe(true);
      expect(Buffer.byteLength(text)).toBe(9 + 12);
      expect(tokens).toBe(12);
    }
    expect(new Set(result.sequences.map(({ text }) => text)).size).toBe(3);
    expect(result).toMatchObject({ backend: "TRITON_ATTN", tokens: 36, seed: 4, temperature: 0.7 });
    if (!onGpu) {
      const arch = testDeviceName.replace("emulator:", "");
      expect(result.device).toMatchObject({ arch, emulated: true, computeUnits: 8 });
    }
    // Every layer writes to the cache once per step, by itself or as a part of its graph.
    const writes = result.kernels.find(({ id }) => id.includes("reshape_and_cache"))!;
    const graphs = result.kernels.find(({ id }) => id === "decodes of a layer")!;
    expect(writes.launches + graphs.launches).toBe(4 * result.steps);
    expect(result.enqueuing).toMatchObject({ graphs: graphs.launches });
    expect(graphs.launches).toBeGreaterThan(4 * 8); // all but prefill and the first decode
    expect(result.deviation.largest).toBeLessThan(4e-3);
  });

  it("writes with the model of latent attention", () => {
    const result = report("--model", "mla", "--prompt", "Emma was ", "--tokens", "4", "--temperature", "0");
    expect(result).toMatchObject({ backend: "TRITON_MLA", tokens: 4 });
    expect(result.deviation.largest).toBeLessThan(result.deviation.bound);
  });

  it("reads the beginning that prompts share once", () => {
    const prompt = ["--prompt", "It is a truth universally acknowledged, that ", "--tokens", "9"];
    const one = report(...prompt, "--temperature", "0");
    const many = report(...prompt, "--temperature", "0", "--sequences", "10");
    expect(one.sharedBytes).toBe(0);
    expect(many.sharedBytes).toBe(9 * 32); // two blocks, for all sequences but the first
    expect(new Set(many.sequences.map(({ text }) => text))).toEqual(new Set([one.text]));
    expect(many.deviation.largest).toBeLessThan(many.deviation.bound);
  });

  it("writes the same without graphs", () => {
    const options = ["--prompt", "Emma was ", "--tokens", "12", "--temperature", "0"];
    const without = report(...options, "--no-graphs");
    expect(without.text).toBe(report(...options).text);
    expect(without.enqueuing).toMatchObject({ graphs: 0, withGraph: null });
    const writes = without.kernels.find(({ id }) => id.includes("reshape_and_cache"))!;
    expect(writes.launches).toBe(4 * without.steps);
  });

  it("draws the same text with the same seed and another with another", () => {
    const text = (seed: string) => report("--tokens", "8", "--seed", seed).text;
    const first = text("1");
    expect(text("1")).toBe(first);
    expect(text("2")).not.toBe(first);
  });

  it("shows the text and then the table", () => {
    const { status, stdout, stderr } = demo("--prompt", "Emma was ", "--tokens", "8", "--temperature", "0");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const [introduction, text, table, kernels] = stdout.split("\n\n");
    expect(introduction).toMatch(/^Attention by TRITON_ATTN on /);
    expect(text).toBe("Emma was a most e");
    expect(table).toMatch(/^device .*\nbackend +TRITON_ATTN: the default\n/);
    expect(table).toMatch(/\nshared +0 bytes of prompts/);
    expect(table).toMatch(/\ngraphs +24 decodes of a layer, each enqueued in \d+ us, \d+ us without/);
    expect(table).toMatch(/deviation +at most .* \(within 0\.004\)/);
    expect(kernels).toMatch(/^kernel +provider +launches +time\n(decodes of a layer +graph|triton\.)/);
  });

  it.each([
    [["--tokens", "0"], /expected a whole number from 1 to 4096/],
    [["--backend", "TRITON"], /ERR_INVALID_BACKEND: .*TRITON_ATTN/],
  ])("refuses %j in one readable message", (options, message) => {
    const { status, stdout, stderr } = demo(...options);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it("ends when nobody reads on", () => {
    const pipe = `"${process.execPath}" "${main}" demo --device ${testDeviceName} --tokens 4000 | head -1`;
    const { stdout, stderr } = spawnSync("sh", ["-c", pipe], { encoding: "utf8" });
    expect(stdout).toMatch(/^Attention by TRITON_ATTN on .*\n$/);
    expect(stderr).toBe("");
  });

  it("ends at Ctrl-C after the current step, with the table of what it has done", async () => {
    const child = spawn(process.execPath, [main, "demo", "--device", testDeviceName, "--tokens", "4000"]);
    let output = "";
    let errors = "";
    let interrupted = false;
    child.stderr.on("data", (text) => {
      errors += text;
    });
    child.stdout.on("data", (text) => {
      output += text;
      if (!interrupted && /that \w/.test(output)) interrupted = child.kill("SIGINT");
    });
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect(code).toBe(130);
    expect(errors).toBe("");
    expect(output).toMatch(/\nwritten +\d+ bytes in \d+ steps/);
  });
});
