import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { testDeviceName } from "../support/device.js";

const start = [join(root, "scripts", "start.mjs"), "--device", testDeviceName];

describe("npm start, where the set-up is done,", () => {
  it("leaves standard output to the demo", () => {
    const { status, stdout } = spawnSync(process.execPath, [...start, "--json", "--tokens", "2"], {
      encoding: "utf8",
    });
    expect(JSON.parse(stdout)).toMatchObject({ tokens: 2, backend: "TRITON_ATTN" });
    expect(status).toBe(0);
  });

  it("answers --help and wrong words before it sets anything up", () => {
    // With nothing in PATH no compiler could be found: no step of the set-up but the first two is reached.
    const type = (...words: string[]) =>
      spawnSync(process.execPath, [...start, ...words], { encoding: "utf8", env: { PATH: "/nowhere" } });
    expect(type("--help")).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Usage: .*demo/),
      stderr: "",
    });
    const wrong = type("--tokens", "none");
    expect(wrong).toMatchObject({ status: 1, stdout: "" });
    expect(wrong.stderr).toMatch(/^ERR_INVALID_ARGUMENT: .*expected a whole number from 1 to 4096/);
    const { status, stdout } = type("--josn", "--json");
    expect(JSON.parse(stdout).error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", argument: "--josn" });
    expect(status).toBe(1);
  });

  it("ends as the demo does", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...start, "--backend", "NONE"], {
      encoding: "utf8",
    });
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("ERR_INVALID_BACKEND");
  });

  it("ends after the demo at Ctrl-C, which the terminal sends to both", async () => {
    const child = spawn(process.execPath, [...start, "--tokens", "4000"], { detached: true });
    let output = "";
    child.stdout.on("data", (text) => {
      if (!/that \w/.test(output) && /that \w/.test(output + text)) process.kill(-child.pid!, "SIGINT");
      output += text;
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(130);
    expect(output).toMatch(/\nwritten +\d+ bytes in \d+ steps/);
  });
});
