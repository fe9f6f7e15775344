import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";

/** A project outside of this one, in which tarballs are installed without any registry. */
export class Installation {
  readonly folder = mkdtempSync(join(tmpdir(), "rocm-attention-project-"));

  npm(...args: string[]) {
    const env = { ...process.env, npm_config_registry: "http://127.0.0.1:9/" };
    return spawnSync("npm", args, { cwd: this.folder, env, encoding: "utf8" });
  }

  /** Makes the project anew, with these tarballs alone. */
  install(...tarballs: string[]): void {
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder);
    this.write("package.json", '{ "private": true }');
    const { status, stderr } = this.npm("install", "--offline", ...tarballs);
    expect(stderr).not.toMatch(/npm (error|warn (?!Unknown))/);
    expect(status).toBe(0);
  }

  /** The path of a file of the project, after writing it. */
  write(name: string, text: string): string {
    writeFileSync(join(this.folder, name), text);
    return join(this.folder, name);
  }

  /** Runs a program in the project, with `command` in place of Node.js. */
  run(
    name: string,
    source: string,
    env: NodeJS.ProcessEnv = {},
    command: readonly string[] = [process.execPath],
  ) {
    this.write(name, source);
    const [program, ...args] = [...command, name];
    const options = { cwd: this.folder, env: { ...process.env, ...env }, encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync(program!, args, options);
    return { status, stdout, stderr };
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
