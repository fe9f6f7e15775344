/**
 * A program that imports from `specifier` and attends over five equal keys: it prints the means of the values that each
 * token sees. `open` is the expression that opens its device; `before` stands before it.
 */
export function attentionProgram(
  open = 'Device.open({ emulate: "gfx942", computeUnits: 2 })',
  before = "",
): string {
  return `
    import { createAttention, createBatch, Device, setAddon } from "rocm-attention";
    export async function main() {
      ${before}
      const device = ${open};
      const attention = createAttention(device, { numHeads: 1, numKvHeads: 1, headSize: 64, dtype: "float16" });
      const cache = attention.createKvCache({ numBlocks: 1 });
      const batch = createBatch(device, { maxSequences: 1, maxTokens: 5, maxBlocksPerSequence: 1 });
      batch.update({ queryStartLoc: [0, 5], seqLens: [5], blockTable: [[0]] });
      const zeros = () => device.zeros([5, 1, 64], "float16");
      const counted = Float32Array.from({ length: 5 * 64 }, (_, index) => 2 * Math.floor(index / 64));
      const value = await device.upload(counted, { shape: [5, 1, 64], dtype: "float16" });
      const output = zeros();
      attention.forward({ query: zeros(), key: zeros(), value, output, cache: cache.layer(0), batch });
      const numbers = await output.readFloat32();
      console.log(Array.from({ length: 5 }, (_, token) => numbers[64 * token + 7]).join(" "));
      await device.close();
    }
    main().catch(({ code, message }) => console.log(code, message));`;
}

/** What it prints. */
export const MEANS = "0 1 2 3 4\n";
