import { afterEach, describe, expect, it, vi } from "vitest";
import { runCommand } from "../../../lib/cli/program.js";

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function type(...words: string[]) {
  const print = vi.spyOn(console, "log").mockImplementation(() => {});
  const complain = vi.spyOn(console, "error").mockImplementation(() => {});
  await runCommand(words);
  return {
    output: print.mock.calls.map(([text]) => text).join("\n"),
    complaint: complain.mock.calls.map(([text]) => text).join("\n"),
    exitCode: process.exitCode,
  };
}

/** Wrong words of every command, with a part of the complaint. */
const WRONG: [string[], string][] = [
  [["explian"], "unknown command 'explian'. Did you mean explain?"],
  [["serve", "--help"], "unknown command 'serve'."],
  [["explain", "--josn"], "Did you mean --json?"],
  [["doctor", "--jsno"], "Did you mean --json?"],
  [["doctor", "gfx942"], "too many arguments"],
  [["demo", "--sequence", "2"], "Did you mean --sequences?"],
  [["demo", "--tokens", "0"], "from 1 to 4096"],
  [["demo", "--device", "tpu"], "expected a GPU's ordinal or one of emulator:"],
  [["profile", "decod"], "Did you mean decode?"],
  [["profile", "decode", "--arch", "gfx943"], "Did you mean gfx942?"],
  [["profile"], "missing required argument 'example'"],
  [["profile", "decode", "--schedules", "--svg", "x.svg"], "cannot be used with"],
  [["help", "explian"], "unknown command 'explian'. Did you mean explain?"],
  [["kernels", "list"], "unknown command 'list'"],
  [["kernels", "add"], "missing required argument 'provider'"],
  [["kernels", "add", "aiter", "--wheel", ""], "expected a wheel of amd-aiter"],
  [["explain", ""], '"" is neither a file or folder nor a model known by name'],
  [["explain", "--json=1"], "Did you mean --json?"],
  [["explain", "--hf-overrides", "null"], "Expected a JSON object"],
  [["explain", "--hf-overrides", '{"num_attention_heads": null}'], "the model lacks num_attention_heads"],
  [["explain", "--block-size", "0x10"], "Expected a positive integer"],
  [["explain", "--tensor-parallel-size", "99999999999999999999"], "Expected a positive integer"],
  [["explain", "--device", "1e9"], "Expected a device's number"],
  [["demo", "--tokens", "1e2"], "from 1 to 4096"],
  [["demo", "--prompt", ""], "expected 1 to 4096 bytes, received 0"],
  [["demo", "--temperature", "NaN"], "from 0 to 100"],
  [["demo", "--device", ""], "expected a GPU's ordinal or one of emulator:"],
  [["bench", "--device", "-1"], "expected a GPU's ordinal or one of emulator:"],
];

describe("wrong words", () => {
  it.each(WRONG)("%j are refused in a line, with the nearest right ones", async (words, message) => {
    const { output, complaint, exitCode } = await type(...words);
    expect(complaint).toMatch(/^ERR_INVALID_ARGUMENT: ./);
    expect(complaint).toContain(message);
    expect([output, exitCode]).toEqual(["", 1]);
  });

  it.each(WRONG)("%j are refused in JSON", async (words, message) => {
    const { output, complaint, exitCode } = await type(...words, "--json");
    expect(JSON.parse(output).error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect(JSON.parse(output).error.message).toContain(message);
    expect([complaint, exitCode]).toEqual(["", 1]);
  });
});

it("no words at all get the help, and --version the version", async () => {
  const exit = vi.spyOn(process, "exit").mockImplementation((status) => {
    throw new Error(`exit ${status}`);
  });
  const [output, errors] = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockReturnValue(true),
  );
  await expect(runCommand([])).rejects.toThrow("exit 1");
  const help = errors!.mock.calls.map(([text]) => text).join("");
  expect(help).toMatch(/^Usage: rocm-attention /);
  expect(help).toContain("Every command takes --json");
  await expect(runCommand(["--version"])).rejects.toThrow("exit 0");
  expect(output!.mock.lastCall![0]).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(exit).toHaveBeenCalledTimes(2);
});
