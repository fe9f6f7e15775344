import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { logs } from "../../../scripts/setup/paths.mjs";
import { CommandFailure, run } from "../../../scripts/setup/run.mjs";

const cwd = mkdtempSync(join(tmpdir(), "rocm-attention-"));
const log = `test-run-${process.pid}`;
afterAll(() => {
  rmSync(cwd, { recursive: true });
  rmSync(join(logs, `${log}.log`));
});

describe("run", () => {
  it("gives back the output, reports its lines, and logs all of it", async () => {
    const lines: string[] = [];
    const output = await run(log, "sh", ["-c", "echo one; sleep 0.1; echo two >&2"], {
      cwd,
      onLine: (line: string) => lines.push(line),
    });
    expect(output).toBe("one\ntwo\n");
    expect(lines).toEqual(["one", "two"]);
    expect(readFileSync(join(logs, `${log}.log`), "utf8")).toContain("one\ntwo\n");
  });

  it("says of a failure the last lines, how it ended, the exact command and where the log is", async () => {
    const script = "seq 1 100; exit 3";
    const failure = await run(log, "sh", ["-c", script], { cwd }).catch((error: unknown) => error as Error);
    expect(failure).toBeInstanceOf(CommandFailure);
    const lines = (failure as Error).message.split("\n");
    expect(lines[0]).toBe("71");
    expect(lines[29]).toBe("100");
    expect(lines.slice(30)).toEqual([
      "",
      "ended with status 3: sh -c 'seq 1 100; exit 3'",
      `in ${cwd}; the whole output is in build/logs/${log}.log`,
    ]);
  });

  it("says when a program is missing or was ended by a signal", async () => {
    await expect(run(log, "no-such-program", ["x"])).rejects.toThrow(/ENOENT: no-such-program x/);
    await expect(run(log, "sh", ["-c", "kill -KILL $$"])).rejects.toThrow(/ended with SIGKILL/);
  });
});
