import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runCommand } from "../../../lib/cli/program.js";
import { terminal } from "../../../lib/cli/terminal.js";
import type { DeviceInfo } from "../../../lib/device/context.js";
import { Device } from "../../../lib/device/device.js";
import { VARIABLE_NAMES } from "../../../lib/selection/variables.js";

const empty = mkdtempSync(join(tmpdir(), "explain-"));
afterAll(() => rmSync(empty, { recursive: true }));

beforeEach(() => {
  for (const name of VARIABLE_NAMES) vi.stubEnv(name, undefined);
  vi.spyOn(Device, "list").mockReturnValue([]);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Types `rocm-attention explain`; gives its output, its complaint and its exit code. */
async function explain(...words: string[]) {
  const print = vi.spyOn(console, "log").mockImplementation(() => {});
  const complain = vi.spyOn(console, "error").mockImplementation(() => {});
  await runCommand(["explain", ...words]);
  const [text, complaint] = [print, complain].map(({ mock }) => String(mock.lastCall?.[0]));
  return { text: text!, complaint: complaint!, exitCode: process.exitCode ?? 0 };
}

describe("explain --json prints one object with the backend at its top", () => {
  it("for a choice", async () => {
    const { text, exitCode } = await explain("--json");
    expect(Object.entries(JSON.parse(text))[0]).toEqual(["backend", "TRITON_ATTN"]);
    expect(JSON.parse(text)).toMatchObject({ error: null, model: "meta-llama/Llama-3.1-8B-Instruct" });
    expect(exitCode).toBe(0);
  });

  it("for each kind of layer, and at the top for one that fails", async () => {
    const { text, exitCode } = await explain("openai/gpt-oss-120b", "-tp", "8", "--json");
    const { backend, config, layers } = JSON.parse(text);
    expect([backend, exitCode]).toEqual(["TRITON_ATTN", 0]);
    expect(config).toMatchObject({ numHeads: 8, numKvHeads: 1, slidingWindow: 128, sinks: true });
    expect(layers).toMatchObject([
      { name: "18 of 36 layers: sliding window 128", layers: 18, config: { slidingWindow: 128 } },
      { name: "18 of 36 layers: full attention", layers: 18, config: { slidingWindow: null } },
    ]);
  });

  it.each<[string, string, ...string[]]>([
    ["ERR_NO_BACKEND", "", "--block-size", "24"],
    ["ERR_INVALID_ARGUMENT", "arch", "--arch", "mi300"],
    ["ERR_INVALID_ARGUMENT", "--tensor-parallel-size", "--tp", "3"],
    ["ERR_INVALID_ARGUMENT", "model", "meta-llama/Llama-4"],
    ["ERR_NO_DEVICE", "--device", "--device", "0"],
  ])("and exit code 1 for a failure: %s %s", async (code, argument, ...words) => {
    const { text, exitCode } = await explain(...words, "--json");
    const { backend, error } = JSON.parse(text);
    expect([backend, error.code, error.argument ?? "", exitCode]).toEqual([null, code, argument, 1]);
    expect(text).toMatch(/^\{\n {2}"backend": null,/);
  });
});

describe("explain on a machine with GPUs", () => {
  beforeEach(() => {
    const gpus = ["gfx90a", "gfx942"].map((arch, ordinal) => ({ ordinal, arch }) as DeviceInfo);
    vi.mocked(Device.list).mockReturnValue(gpus);
  });

  const answer = async (...words: string[]) => {
    const { target, catalog } = JSON.parse((await explain(...words, "--json")).text);
    return [target.arch, target.from, catalog];
  };

  it("answers for the first and the kernels of this machine", async () => {
    expect(await answer()).toEqual(["gfx90a", "device", "installed"]);
  });

  it("answers for the one that is named, and the kernels that are asked for", async () => {
    expect(await answer("--device", "1")).toEqual(["gfx942", "device", "installed"]);
    expect(await answer("--device", "1", "--catalog", "published")).toEqual([
      "gfx942",
      "device",
      "published",
    ]);
  });

  it("answers for a target that is named, and the published kernels", async () => {
    expect(await answer("--arch", "gfx950")).toEqual(["gfx950", "arch", "published"]);
    expect(await answer("--arch", "gfx950", "--catalog", "installed")).toEqual([
      "gfx950",
      "arch",
      "installed",
    ]);
  });
});

describe("explain for people", () => {
  it("says under one title what holds for several kinds of layers", async () => {
    const { text, exitCode } = await explain("google/gemma-2-9b-it");
    expect(text).toMatch(
      /^google\/gemma-2-9b-it, 21 of 42 layers: sliding window 4096; 21 of 42 layers: full attention\n\n {2}backend {2}TRITON_ATTN,/,
    );
    expect(text.match(/ backend /g)).toHaveLength(1);
    expect(exitCode).toBe(0);
  });

  it("names the target that was asked for, though it is none", async () => {
    expect((await explain("--arch", "mi300")).text).toMatch(/^ {2}target {3}mi300$/m);
  });

  it("says what a folder lacks", async () => {
    const { complaint, exitCode } = await explain(empty);
    expect(complaint).toBe(`ERR_INVALID_ARGUMENT: the folder ${empty} has no config.json`);
    expect(exitCode).toBe(1);
  });
});

describe("the terminal", () => {
  const { columns, isTTY } = process.stdout;
  afterEach(() => Object.assign(process.stdout, { columns, isTTY }));

  it.each([
    [undefined, 100],
    [0, 100],
    [80, 80],
    [240, 120],
  ])("of %s columns is written to the width %i", (columns, width) => {
    Object.assign(process.stdout, { columns });
    expect(terminal().width).toBe(width);
  });

  it.each([
    [true, "", undefined, true],
    [true, "1", undefined, false],
    [false, "", undefined, false],
    [false, "", "1", true],
    [false, "", "", true],
    [true, "", "0", false],
    [true, "1", "1", false],
  ])(
    "has colours where it is one (%s), NO_COLOR=%j and FORCE_COLOR=%j: %s",
    (isTTY, refused, forced, color) => {
      vi.stubEnv("NO_COLOR", refused);
      vi.stubEnv("FORCE_COLOR", forced);
      Object.assign(process.stdout, { isTTY });
      expect(terminal().color).toBe(color);
    },
  );
});
