import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RocmAttentionError } from "../../../lib/errors.js";
import { sourceOf } from "../../../lib/flex/source.js";
import { programOf, traceFunctions } from "../../../lib/flex/trace.js";
import { type AttentionConfig, compileFlex, createAttention, flex, type Tensor } from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { noCompiler } from "../../support/compile.js";
import { openTestDevice } from "../../support/device.js";
import { uploadTables, withReference } from "../../support/flex-device.js";
import { expressions } from "../../support/flex-expressions.js";
import { runPrograms } from "../../support/flex-programs.js";
import { TABLES } from "../../support/flex-tables.js";
import { noHipKernels } from "../../support/hip-kernels.js";
import { PagedCase } from "../../support/paged-case.js";

const device = openTestDevice();
const cache = mkdtempSync(join(tmpdir(), "rocm-attention-test-"));
const env = { ...process.env, ROCM_ATTENTION_CACHE: cache };
let tensors: Tensor[];
let values: Map<unknown, readonly number[]>;
beforeAll(async () => {
  tensors = await uploadTables(device);
  values = new Map(tensors.map((tensor, i) => [tensor, TABLES[i]!.values]));
});
afterAll(async () => {
  rmSync(cache, { recursive: true });
  await device.close();
});

type Functions = Pick<AttentionConfig, "scoreMod" | "maskMod">;
const shape = { numHeads: 4, numKvHeads: 2, headSize: 64, blockSize: 16 };
const CONFIG = { ...shape, dtype: "bfloat16", backend: "FLEX_ATTENTION" } as const;

/** The bits of a call, and what the explanation says of its functions. */
async function bitsOf(functions: Functions, of: Readonly<Record<string, string | undefined>>) {
  await using paged = await PagedCase.create(device, {
    ...{ shape, dtype: "bfloat16", seed: 9, env: of, under: { backend: "FLEX_ATTENTION", layout: "halves" } },
    lengths: [
      [60, 20],
      [0, 33],
      [50, 1],
    ],
    functions: { ...withReference(functions, values), ...functions },
  });
  const { bits, lse } = await paged.run();
  return { bits, lse, notes: paged.attention.explanation.notes };
}

/** Whether the generated kernel gives the interpreter's bits. */
async function compare(functions: Functions): Promise<void> {
  const interpreted = await bitsOf(functions, { ...env, ROCM_ATTENTION_CACHE: "/nonexistent" });
  await compileFlex(device, { ...CONFIG, ...functions, env });
  const generated = await bitsOf(functions, env);
  expect(interpreted.notes.join()).toContain("are interpreted");
  expect(generated.notes.join()).toContain("are compiled");
  expect(generated.bits).toEqual(interpreted.bits);
  expect(generated.lse).toEqual(interpreted.lse);
}

describe.skipIf(noCompiler !== null || noHipKernels !== null)("compiled functions", () => {
  const library: [string, () => Functions][] = [
    ["documents", () => ({ maskMod: flex.documentMask(tensors[0]!) })],
    [
      "a dilated window and learned biases",
      () => ({ maskMod: flex.dilatedWindow(30, 3), scoreMod: flex.relativeBias(tensors[4]!) }),
    ],
    [
      "exp, log, tanh and quotients",
      () => ({ scoreMod: (score, { key }) => score.exp().log().div(key.add(1)).tanh().rem(0.75) }),
    ],
  ];
  it.each(library)("give the interpreter's bits: %s", (_, functions) => compare(functions()));

  it("give the interpreter's bits, fifty random ones", async () => {
    const pairs = fc.sample(fc.tuple(expressions("score").float, expressions("mask").bool), 90);
    const all = pairs.flatMap(([score, mask]) => {
      try {
        const texts = traceFunctions({
          scoreMod: (given, at) => score.trace({ ...at, score: given, tensors }),
          maskMod: (at) => mask.trace({ ...at, tensors }),
        });
        return [{ texts, program: programOf(texts) }];
      } catch (error) {
        if (error instanceof RocmAttentionError && error.message.includes("at a time")) return [];
        throw error;
      }
    });
    const traced = all.slice(0, 50); // some of those drawn are too large
    expect(traced.length).toBe(50);
    const results = await runPrograms(
      device,
      traced.map(({ program }) => program),
    );
    for (const [i, { interpreted, generated }] of results.entries()) {
      expect(generated, JSON.stringify(traced[i]!.texts, null, 1)).toEqual(interpreted);
    }
    // They are not all the same.
    expect(new Set(results.map(({ interpreted }) => interpreted.join())).size).toBeGreaterThan(20);
  }, 300_000);

  it("are kept where only this user writes, and made once", async () => {
    const config = { ...CONFIG, maskMod: flex.documentMask(tensors[0]!), env };
    await compileFlex(device, config);
    const folder = join(cache, "generated");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const before = readdirSync(folder).length;
    await compileFlex(device, { ...config, env: { ...env, PATH: "/nonexistent" } });
    expect(readdirSync(folder)).toHaveLength(before);
  });

  it("are compiled by kernels/build --flex, for attentions of equal functions", async () => {
    const module = join(cache, "functions.mjs");
    const options = JSON.stringify(CONFIG);
    writeFileSync(
      module,
      `export default () => ({ ...${options}, maskMod: ({ key }) => key.rem(7).ne(3) });\n`,
    );
    const builder = fileURLToPath(new URL("../../../kernels/build", import.meta.url));
    await promisify(execFile)(builder, ["--flex", module, "--target", "gfx942"], { env });
    const attention = createAttention(device, { ...CONFIG, maskMod: ({ key }) => key.rem(7).ne(3), env });
    expect(attention.explanation.notes.join()).toContain("are compiled");
    attention.dispose();
  });

  it("that have no sources beside their kernels are an error", async () => {
    const kernels = join(cache, "kernels");
    cpSync(fileURLToPath(new URL("../../../build/kernels/gfx942", import.meta.url)), kernels, {
      recursive: true,
      filter: (path) => !path.endsWith("sources"),
    });
    const elsewhere = { ...env, ROCM_ATTENTION_KERNEL_PATH: kernels };
    const config = { ...CONFIG, maskMod: flex.dilatedWindow(5, 3), env: elsewhere };
    await expect(compileFlex(device, config)).rejects.toThrow(coded("ERR_COMPILE", "sources of kernels"));
  });

  it("are not needed where functions amount to options", async () => {
    await compileFlex(device, { ...CONFIG, maskMod: flex.causal, env }, { compiler: "/nonexistent/clang++" });
    const attention = createAttention(device, { ...CONFIG, maskMod: flex.slidingWindow(9), env });
    expect(attention.explanation.notes.join()).toContain("has such functions compiled in");
    attention.dispose();
  });

  it("that cannot be compiled are an error with the compiler's text", async () => {
    const config = { ...CONFIG, maskMod: flex.dilatedWindow(5, 4), env };
    await expect(compileFlex(device, config, { compiler: "/nonexistent/clang++" })).rejects.toThrow(
      coded("ERR_COMPILE", "/nonexistent/clang\\+\\+", "ENOENT"),
    );
    await expect(compileFlex(device, CONFIG)).rejects.toThrow(
      coded("ERR_INVALID_ARGUMENT", "scoreMod or maskMod"),
    );
    await expect(compileFlex(device, config, { compiler: 3 as never })).rejects.toThrow(
      coded("ERR_INVALID_ARGUMENT"),
    );
  });
});

it("the text of generated functions has op codes, numbers and names of ours alone", () => {
  const texts = traceFunctions({ maskMod: flex.documentMask(tensors[0]!), scoreMod: flex.softCap(7) });
  const words = sourceOf(programOf(texts)).match(/[A-Za-z_]\w*/g)!;
  const ours =
    /^(v\d+|u|x|flex_\w+|__\w+|Words8|Floats8|Word|Tensors|Program|GeneratedProgram|RowInputs|kHeaderWords|kLaneKeys|tensors_|inputs_?|row|head|kv_head|context_length|query|begin|sees|score|scores|result|first_key|as_word|constant|from|e|maybe_unused|class|public|private|explicit|const|void|int|for|return|static_cast|pragma|unroll)$/;
  expect(words.filter((word) => !ours.test(word))).toEqual([]);
});
