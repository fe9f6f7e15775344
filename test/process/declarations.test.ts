import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, expect, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { typescript } from "../../scripts/setup/typescript.mjs";

const folder = mkdtempSync(join(tmpdir(), "declarations-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(async () => {
  if (!typescript.isDone()) await typescript.perform(() => {});
});

/** The complaints of a strict compiler that knows ES2022 and the declarations in dist/, and nothing of Node. */
function complaints(source: string): string[] {
  const program = join(folder, "program.mts");
  writeFileSync(program, source.replace("rocm-attention", join(root, "dist", "index.js")));
  const options = {
    ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
    ...{ target: ts.ScriptTarget.ES2022, lib: ["lib.es2022.d.ts"], types: [] },
    module: ts.ModuleKind.NodeNext,
  };
  return ts
    .getPreEmitDiagnostics(ts.createProgram([program], options))
    .map(
      ({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`,
    );
}

const PROGRAM = `
  import { BlockPool, createAttention, createBatch, Device, explain, type Explanation } from "rocm-attention";
  export async function main(device: Device, values: Float32Array, file: Uint8Array): Promise<bigint> {
    const tensor = await device.upload(values, { shape: [4], dtype: "float32" });
    const attention = createAttention(device, { numHeads: 1, numKvHeads: 1, headSize: 64, dtype: "float16" });
    const explanation: Explanation = attention.explanation;
    const batch = createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 1 });
    batch.update(new BlockPool({ numBlocks: 1, blockSize: 16 }).batch([]));
    device.loadModule(file).dispose();
    return [explain(explanation.config as never), tensor.pointer][1] as bigint;
  }`;

it("the declarations compile with the library of ES2022 and without Node's types", () => {
  expect(complaints(PROGRAM)).toEqual([]);
});

it("the declarations refuse wrong arguments", () => {
  expect(complaints(PROGRAM.replace('dtype: "float16"', 'dtype: "fp16"'))).toEqual([
    expect.stringContaining("Type '\"fp16\"' is not assignable"),
  ]);
});
