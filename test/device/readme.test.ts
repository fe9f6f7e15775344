import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { runNode } from "../support/node.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "build", `readme-${process.pid}`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("runs the example of the README as it stands there", () => {
  const [, example] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))!;
  const program = join(folder, "example.mjs");
  mkdirSync(folder, { recursive: true });
  // Inside the project "rocm-attention" is the package itself, as it was built into dist/.
  writeFileSync(program, example!);
  const { status, stdout, stderr } = runNode([program], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const [, backend, list] = /^(\w+) Float32Array\(\d+\) \[([^\]]*)\.\.\./.exec(stdout)!;
  expect(backend).toBe("TRITON_ATTN");
  // Weighted means of values between 1 and 2.
  const values = list!.match(/[\d.]+/g)!.map(Number);
  expect(values.length).toBeGreaterThan(50);
  for (const value of values) expect(value >= 1 && value <= 2).toBe(true);
});
