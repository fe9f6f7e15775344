import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, expect, it } from "vitest";
import { findProgram } from "../../scripts/setup/toolchain.mjs";
import { noHipKernels } from "../support/hip-kernels.js";
import { runNode } from "../support/node.js";

const folder = fileURLToPath(new URL("../../examples", import.meta.url));
const compiled = fileURLToPath(new URL(`../../build/examples-${process.pid}`, import.meta.url));
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

/** The file that runs an example: of TypeScript, which Node.js 20 does not know, what it compiles to. */
function runnable(name: string): string {
  if (name.endsWith(".mjs")) return join(folder, name);
  const { outputText } = ts.transpileModule(readFileSync(join(folder, name), "utf8"), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  mkdirSync(compiled, { recursive: true });
  const program = join(compiled, name.replace(/ts$/, "mjs"));
  writeFileSync(program, outputText.replaceAll('"./', `"${folder}/`));
  return program;
}

const programs = readdirSync(folder).filter((name) => /\.(mjs|ts)$/.test(name));

it.skipIf(noHipKernels !== null).each(programs)("examples/%s runs", (name) => {
  const env = { ...process.env, CLANG: findProgram("clang++-22") };
  const { status, stdout, stderr } = runNode([runnable(name)], { encoding: "utf8", env });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(stdout).not.toBe("");
});
