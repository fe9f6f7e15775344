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

  it("ends as the demo does", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...start, "--tokens", "none"], {
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/expected a whole number from 1 to 4096/);
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
