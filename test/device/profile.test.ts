import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ProfileReport } from "../../lib/cli/profile/report.js";
import { onGpu } from "../support/device.js";
import { runNode } from "../support/node.js";

const main = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "profile-"));
afterAll(() => rmSync(folder, { recursive: true }));

function profile(...options: string[]) {
  return runNode([main, "profile", ...options], {
    maxBuffer: 2 ** 26,
  });
}

describe.skipIf(onGpu)("rocm-attention profile", () => {
  it.each(["decode", "mixed"])("counts the kernels of %s", (example) => {
    const { status, stdout, stderr } = profile(example, "--json");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const report: ProfileReport = JSON.parse(stdout);
    expect(report).toMatchObject({ example, backend: "TRITON_ATTN", device: { arch: "gfx942" } });
    const [write, attention] = report.launches;
    expect(write!.kernel).toContain("reshape_and_cache");
    // Keys and values, 2 heads of 128 elements in bfloat16, are read and written once.
    const tokens = example === "decode" ? 4 : 64 + 3;
    expect(write!.memory!.bytesWritten).toBe(tokens * 2 * 2 * 128 * 2);
    expect(write!.clocks.matrix).toBe(0);
    expect(attention!.clocks.matrix).toBeGreaterThan(0);
    for (const { profile, instructions } of report.launches) {
      const total = profile!.reduce((sum, { executed }) => sum + executed, 0);
      expect(total).toBe(Object.values(instructions).reduce((sum, count) => sum + count));
    }
  });

  it("reads each key and value of a decode once, by the XCD that its group belongs to", () => {
    const report: ProfileReport = JSON.parse(profile("decode", "--json").stdout);
    const attention = report.launches[1]!;
    const lines = (4 * 601 * 2 * 2 * 128 * 2) / 128;
    expect(attention.memory!.linesRead).toBeGreaterThanOrEqual(lines);
    expect(attention.memory!.linesRead).toBeLessThan(1.02 * lines);
  });

  it("compares what launches leave under other schedules", () => {
    const { status, stdout, stderr } = profile("mixed", "--schedules");
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^mixed, under 14 orders of waves and delays of memory:\n {2}\S+: the same\n/);
    expect(stdout).not.toContain("differs");
    expect(status).toBe(0);
    expect(profile("mixed", "--schedules", "--svg", "x.svg").stderr).toContain("cannot be used with");
  });

  it("prints a report and draws it", () => {
    const file = join(folder, "prefill.svg");
    const { status, stdout, stderr } = profile("prefill", "--arch", "gfx950", "--svg", file);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^prefill: one sequence of 256 new tokens/);
    expect(stdout).toMatch(/model, not a measurement:\n +matrix units +[#.]{30} \d+\.\d\d us/);
    expect(stdout).toMatch(/hottest instructions:\n +pc +share +executed +busy clocks +instruction\n +\+0x/);
    const drawing = readFileSync(file, "utf8");
    expect(drawing).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    const hottest = [...stdout.matchAll(/hottest instructions:\n.*\n +(\+0x\w+) .* {2}(\w+ .*)/g)];
    expect(hottest).toHaveLength(2);
    for (const [, pc, instruction] of hottest) expect(drawing).toContain(`${pc}  ${instruction}`);
    expect(drawing).not.toMatch(/NaN|Infinity|undefined/);
  });

  it.each([
    [["nothing"], /Allowed choices are decode, prefill, mixed/],
    [["decode", "--arch", "gfx906"], /Allowed choices are gfx90a, gfx942, gfx950/],
    [["decode", "--svg", "/nowhere/at/all.svg"], /ERR_/],
  ])("refuses %j", (options, message) => {
    const { status, stderr } = profile(...options);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  });
});
