import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { noHipKernels } from "../support/hip-kernels.js";
import { runNode } from "../support/node.js";

const folder = fileURLToPath(new URL("../../examples", import.meta.url));

const programs = readdirSync(folder).filter((name) => name.endsWith(".mjs"));

it.skipIf(noHipKernels !== null).each(programs)("examples/%s runs", (name) => {
  const { status, stdout, stderr } = runNode([join(folder, name)], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(stdout).not.toBe("");
});
