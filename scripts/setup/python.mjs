import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { cache } from "./paths.mjs";
import { CommandFailure, run } from "./run.mjs";
import { fingerprint } from "./stamp.mjs";

/**
 * What builds the kernels (Triton), what checks the C++ sources, and what compiles the published ones: each an environment
 * with its programs in `bin`.
 */
export const kernelPython = environment("Python packages (Triton)", "kernels/requirements.txt");
export const lintPython = environment("Python packages (clang-format)", "scripts/requirements.txt");
export const zigPython = environment("Python packages (zig)", "scripts/zig/requirements.txt");

/** A Python environment in the cache, shared by all clones with the same requirements. */
function environment(title, requirements) {
  const folder = join(cache, `venv-${fingerprint([requirements]).slice(0, 16)}`);
  return {
    title,
    bin: join(folder, "bin"),
    /** The folder of its modules. */
    modules: () => {
      const [python] = readdirSync(join(folder, "lib")).filter((name) => name.startsWith("python3"));
      return join(folder, "lib", python, "site-packages");
    },
    isDone: () => existsSync(folder),
    perform: async (progress) => {
      const interpreter = findInterpreter();
      mkdirSync(cache, { recursive: true });
      // Made aside and published by a link, so that an interrupted set-up leaves nothing that looks complete, and
      // at its final path, because its programs hold it.
      const made = `${folder}.${process.pid}`;
      try {
        await createEmpty(interpreter, made, progress);
        const install = ["-m", "pip", "install", "--disable-pip-version-check", "-r", requirements];
        await run("pip", join(made, "bin", "python"), install, { onLine: progress });
        symlinkSync(made, `${made}.link`);
        renameSync(`${made}.link`, folder);
      } catch (error) {
        rmSync(made, { recursive: true, force: true });
        throw error;
      }
    },
  };
}

async function createEmpty(interpreter, folder, progress) {
  try {
    await run("python-venv", interpreter, ["-m", "venv", folder], { onLine: progress });
  } catch (failure) {
    if (!/ensurepip|No module named venv/.test(failure.message)) throw failure;
    throw new CommandFailure(
      `${failure.message}\n\nPython's venv module is incomplete. On Debian and Ubuntu: apt-get install python3-venv`,
    );
  }
}

function findInterpreter() {
  const names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];
  const tooOld = [];
  for (const name of names) {
    const probe = "import sys; print('%d.%d' % sys.version_info[:2]); sys.exit(sys.version_info < (3, 10))";
    const { status, stdout } = spawnSync(name, ["-c", probe], { encoding: "utf8" });
    if (status === 0) return name;
    if (stdout) tooOld.push(`${name} is ${stdout.trim()}`);
  }
  throw new CommandFailure(
    `Python 3.10 or newer is needed: ${tooOld.join(", ") || "none is on PATH"}.\n` +
      "On Debian and Ubuntu: apt-get install python3 python3-venv",
  );
}
