import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { programPath } from "../../scripts/setup/kernels.mjs";
import { root } from "../../scripts/setup/paths.mjs";
import { toolchainBin } from "../../scripts/setup/toolchain.mjs";

const TARGET = "gfx950";
const scratch = mkdtempSync(join(tmpdir(), "kernel-build-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const WITHOUT_TRITON = `${toolchainBin}:/usr/local/bin:/usr/bin:/bin`;

/** Runs kernels/build of a clone with a cache of its own; on request without Triton, so that nothing of it can be built. */
function build(
  args: string[],
  { compilers = true, PATH = "", cache = join(scratch, "cache"), clone = root } = {},
) {
  const path = PATH || (compilers ? programPath : WITHOUT_TRITON);
  const { status, stdout, stderr } = spawnSync(join(clone, "kernels", "build"), args, {
    encoding: "utf8",
    env: { ...process.env, PATH: path, ROCM_PATH: "", ROCM_ATTENTION_CACHE: cache },
  });
  return { status, stdout, stderr };
}

const smoke = (out: string) => ["--target", TARGET, "--set", "smoke", "--out", join(scratch, out)];
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    statSync(join(folder, file)).isFile(),
  );
const contents = (folder: string) =>
  Object.fromEntries(
    filesIn(folder).map((file) => [file, readFileSync(join(folder, file)).toString("base64")]),
  );

describe("kernels/build", () => {
  it("makes the same bytes from nothing as were made before, and nothing anew when all is there", () => {
    const first = build(smoke("first"));
    const made = contents(join(scratch, "first", TARGET));
    const kernels = Object.keys(made).filter((file) => file.endsWith(".co")).length;
    expect(kernels).toBeGreaterThanOrEqual(5);
    expect(first).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`${TARGET}: ${kernels} kernels\n${kernels} built\n`),
    });
    // The set-up may have built more than this set, and its manifest then says so.
    const { "manifest.json": _, ...code } = made;
    expect(contents(join(root, "build", "kernels", TARGET))).toMatchObject(code);

    const times = () =>
      readdirSync(join(scratch, "first", TARGET)).map(
        (file) => statSync(join(scratch, "first", TARGET, file)).mtimeMs,
      );
    const before = times();
    // Without Triton: where there is nothing to do, it is not even looked for.
    const nothingToDo = `${kernels} kernels\n0 built\n`;
    expect(build(smoke("first"), { compilers: false }).stdout).toContain(nothingToDo);
    expect(times()).toEqual(before);
    expect(build(smoke("second"), { compilers: false }).stdout).toContain(nothingToDo);
    expect(contents(join(scratch, "second", TARGET))).toEqual(made);

    const damagedCache = join(scratch, "damaged cache");
    cpSync(join(scratch, "cache"), damagedCache, { recursive: true });
    const objects = join(damagedCache, "kernels");
    for (const name of readdirSync(objects).filter((name) => name.endsWith(".co"))) {
      writeFileSync(join(objects, name), readFileSync(join(objects, name)).subarray(1));
    }
    const failed = build(smoke("third"), { compilers: false, cache: damagedCache });
    expect(failed.status).not.toBe(0);
    expect(failed.stderr).toContain("pip install -r kernels/requirements.txt");
  }, 300_000);

  it("builds what has changed: a source, or what it imports, but not for what a provider says", () => {
    const clone = join(scratch, "clone");
    for (const part of ["kernels", "lib/catalog"])
      cpSync(join(root, part), join(clone, part), { recursive: true });
    const append = (file: string, line: string) =>
      appendFileSync(join(clone, "kernels", "triton", file), `${line}\n`);
    const built = () => build(smoke("changed"), { clone }).stdout.match(/^(\d+) built$/m)?.[1];
    expect(built()).toBe("0");
    append("provider.py", "# A comment.");
    expect(built()).toBe("0");
    append("reshape_and_cache.py", "from kernels.triton.imported import NOTHING");
    append("imported.py", "NOTHING = 0");
    const writing = readdirSync(join(scratch, "changed", TARGET)).filter((file) =>
      /^triton\.(reshape_and_cache|concat_and_cache_mla|gather_mla_cache)/.test(file),
    );
    expect(built()).toBe(`${writing.length}`);
    append("imported.py", "# A comment.");
    expect(built()).toBe(`${writing.length}`);
    expect(built()).toBe("0");
  }, 300_000);

  it("leaves kernels in HIP C++ out where there is no clang, and says so", () => {
    const programs = join(scratch, "programs");
    mkdirSync(programs);
    const printPath = ["-c", "import sys; print(sys.executable, end='')"];
    const python = spawnSync("python3", printPath, { encoding: "utf8" }).stdout;
    writeFileSync(join(programs, "python3"), `#!/bin/sh\nexec "${python}" "$@"\n`, { mode: 0o755 });
    const { status, stdout } = build(smoke("without"), { PATH: programs });
    expect(stdout).toContain("without kernels of hip: there is no clang++-22");
    expect(status).toBe(0);
    const { kernels } = JSON.parse(readFileSync(join(scratch, "without", TARGET, "manifest.json"), "utf8"));
    expect(new Set(kernels.map(({ provider }: { provider: string }) => provider))).toEqual(
      new Set(["triton"]),
    );
  });

  it("writes the catalog of what is published without a compiler", () => {
    const file = join(scratch, "published.json");
    const { status } = build(["--catalog", "--out", file], {
      compilers: false,
      cache: join(scratch, "empty"),
    });
    expect(status).toBe(0);
    expect(readFileSync(file, "utf8")).toBe(readFileSync(join(root, "lib/catalog/published.json"), "utf8"));
  });

  it.each([
    [["--target", "gfx1234"], "unknown target 'gfx1234': expected gfx90a, gfx942, gfx950"],
    [["--target", "gfx942,gfx1234"], "unknown target 'gfx1234'"],
    [["--target", ""], "unknown target ''"],
    [["--target", "gfx942", "--set", "some"], "invalid choice: 'some'"],
    [[], "--target"],
    [["--target", "gfx942", "--catalog"], "not allowed with argument"],
  ])("refuses %j", (args, message) => {
    const { status, stderr, stdout } = build([...args, "--out", join(scratch, "none")], { compilers: false });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(readdirSync(scratch)).not.toContain("none");
  });
});
