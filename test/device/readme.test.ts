import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { noHipKernels } from "../support/hip-kernels.js";
import { runNode } from "../support/node.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const folder = join(root, "build", `readme-${process.pid}`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The blocks of JavaScript of a section, as they stand there. */
function blocksOf(section: string): string[] {
  const text = readme.split(`\n## ${section}\n`)[1]!.split("\n## ")[0]!;
  return [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code!);
}

const codeOf = (section: string) => blocksOf(section).join("\n");

/** Runs a program inside the project, where "rocm-attention" is the package itself, as it was built into dist/. */
function run(name: string, program: string): string {
  const path = join(folder, `${name}.mjs`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, program);
  const { status, stdout, stderr } = runNode([path], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  return stdout;
}

it("runs the example of the README as it stands there", () => {
  const stdout = run("example", codeOf("Example"));
  const [, backend, list] = /^(\w+) Float32Array\(\d+\) \[([^\]]*)\.\.\./.exec(stdout)!;
  expect(backend).toBe("TRITON_ATTN");
  // Weighted means of values between 1 and 2.
  const values = list!.match(/[\d.]+/g)!.map(Number);
  expect(values.length).toBeGreaterThan(50);
  for (const value of values) expect(value >= 1 && value <= 2).toBe(true);
});

/** A model that the serving loop leaves out: rows that depend on a token, its position and the layer before. */
const MODEL = `
const prompt = Array.from({ length: 37 }, (_, i) => (7 * i) % 31);
async function project(layer, rows, before) {
  const previous = before === undefined ? null : await before.readFloat32();
  const places = rows.flatMap(({ tokens, queryLength }) =>
    Array.from({ length: queryLength }, (_, i) => [tokens.at(i - queryLength), tokens.length - queryLength + i]));
  const part = async (heads, seed) => {
    const numbers = Float32Array.from({ length: places.length * heads * 64 }, (_, at) => {
      const row = Math.floor(at / (heads * 64));
      const [token, position] = places[row];
      const own = Math.sin(seed + layer + token * 1.7 + position * 0.3 + (at % (heads * 64)) * 0.11);
      return own + (previous === null ? 0 : previous[row * 4 * 64 + (at % (4 * 64))]);
    });
    return device.upload(numbers, { shape: [places.length, heads, 64], dtype: "bfloat16" });
  };
  const output = device.empty([places.length, 4, 64], "bfloat16");
  return { query: await part(4, 1), key: await part(2, 2), value: await part(2, 3), output };
}
`;

/** What becomes of the sequences after the README's last line, and what they would come to without sharing and swapping. */
const CHECKS = `
const last = async (rows) => [...(await (await step(rows)).readFloat32())].slice(-4 * 64);
const tokens = [...prompt, 42];
preempt("b");
await step([{ id: "other", tokens: prompt.map((token) => token + 1), queryLength: prompt.length }]); // takes its blocks
resume("b");
const resumed = await last([{ id: "b", tokens: [...tokens, 5], queryLength: 1 }]);
const again = pool.match("c", [...tokens, 5]);
const matched = await last([{ id: "c", tokens: [...tokens, 5], queryLength: tokens.length + 1 - again }]);
pool.match("fresh", [...tokens, 5], { extraKeys: ["nobody else's"] });
const fresh = await last([{ id: "fresh", tokens: [...tokens, 5], queryLength: tokens.length + 1 }]);
const difference = (one) => Math.max(...one.map((x, i) => Math.abs(x - fresh[i])));
const other = await last([{ id: "a", tokens: [...prompt, 17, 5], queryLength: 1 }]);
for (const id of ["a", "b", "c", "fresh", "other"]) pool.free(id);
const { freeBlocks } = pool;
console.log(JSON.stringify({ cached, again, freeBlocks, resumed: difference(resumed), matched: difference(matched), other: difference(other) }));
await device.close();
`;

it("runs the serving loop of the README: what is shared, forked and swapped comes to the same", () => {
  const stdout = run("serving", `${MODEL}\n${codeOf("A serving loop")}\n${CHECKS}`);
  const { cached, again, freeBlocks, resumed, matched, other } = JSON.parse(stdout);
  expect([cached, again, freeBlocks]).toEqual([0, 32, 32]);
  expect(resumed).toBeLessThan(0.02);
  expect(matched).toBeLessThan(0.02);
  expect(other).toBeGreaterThan(0.05); // another token before: the comparison can fail
});

/** What the shorter sections of the README take for granted. */
const SURROUNDINGS = `
import { createAttention, createBatch, Device, registerBackend } from "rocm-attention";
const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
const shape = { numHeads: 4, numKvHeads: 2, headSize: 128, dtype: "bfloat16" };
const options = shape;
const tensor = (tokens, heads) => {
  const numbers = Float32Array.from({ length: tokens * heads * 128 }, () => 1 + Math.random());
  return device.upload(numbers, { shape: [tokens, heads, 128], dtype: "bfloat16" });
};
const output = device.zeros([12, 4, 128], "bfloat16");
const query = await tensor(12, 4);
const [key, value] = [await tensor(12, 2), await tensor(12, 2)];
const isMean = async (tensor) => (await tensor.readFloat32()).every((number) => number >= 1 && number <= 2);
`;

it("runs the other attentions of the README", () => {
  const [encoder, cross] = blocksOf("Other attentions");
  const stdout = run(
    "others",
    `${SURROUNDINGS}
    { ${encoder} console.log(await isMean(output)); }
    {
      const cross = createAttention(device, { ...shape, attentionType: "encoder_decoder" });
      const cache = cross.createKvCache({ numBlocks: 8 });
      const keySlotMapping = Array.from({ length: 20 }, (_, key) => (key < 16 ? 7 * 16 + key : 2 * 16 + key - 16));
      const [query, key, value] = [await tensor(3, 4), await tensor(20, 2), await tensor(20, 2)];
      const output = device.empty([3, 4, 128], "bfloat16");
      ${cross} console.log(await isMean(output));
    }
    await device.close();`,
  );
  expect(stdout).toBe("true\ntrue\n");
});

it("registers the backend of the README, and undoes it", () => {
  const stdout = run(
    "own",
    `${SURROUNDINGS}
    ${codeOf("Which backend runs")}
    const own = () => createAttention(device, { ...options, backend: "MINE" });
    console.log(own().backend);
    undo();
    try { own(); } catch ({ code }) { console.log(code); }
    await device.close();`,
  );
  expect(stdout).toBe("MINE\nERR_INVALID_BACKEND\n");
});

it.skipIf(noHipKernels !== null)("traces the mask and the scores of the README", () => {
  const stdout = run(
    "masks",
    `${SURROUNDINGS}
    const slopes = await device.upload(Float32Array.of(0.5, 0.25, 0.125, 0.0625), { shape: [4], dtype: "float32" });
    const places = Int32Array.from({ length: 64 }, (_, place) => Math.floor(place / 7));
    const documents = await device.upload(places, { shape: [1, 64], dtype: "int32" });
    ${codeOf("Masks and scores in JavaScript")}
    console.log(attention.backend, Object.keys(attention.config.flex).length > 0);
    await device.close();`,
  );
  expect(stdout).toBe("FLEX_ATTENTION true\n");
});
