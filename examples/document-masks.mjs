// Several documents packed into one sequence, as in training and in retrieval: tokens see those before them in the same
// document alone. FLEX_ATTENTION takes the mask as a function, which is called once with values that it computes with.
//
//     node examples/document-masks.mjs
import { createAttention, createBatch, Device, flex } from "rocm-attention";

const [LENGTHS, HEADS, SIZE] = [[5, 11, 8], 4, 64];
const tokens = LENGTHS.reduce((sum, length) => sum + length);
const documentOf = Int32Array.from(LENGTHS.flatMap((length, document) => Array(length).fill(document)));

const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
/** @type {import("rocm-attention").AttentionConfig} */
const shape = { numHeads: HEADS, numKvHeads: HEADS, headSize: SIZE, dtype: "float16" };
/** @param {number} count */
const random = (count) => Float32Array.from({ length: count }, () => 2 * Math.random() - 1);
const rows = () =>
  device.upload(random(tokens * HEADS * SIZE), { shape: [tokens, HEADS, SIZE], dtype: "float16" });
const [query, key, value] = [await rows(), await rows(), await rows()];

/**
 * The attention of a step of sequences with these lengths, each in blocks of its own.
 * @param {Partial<import("rocm-attention").AttentionConfig>} options
 * @param {number[]} lengths
 */
async function attend(options, lengths) {
  const attention = createAttention(device, { ...shape, ...options });
  const cache = attention.createKvCache({ numBlocks: 8 });
  const batch = createBatch(device, {
    maxSequences: lengths.length,
    maxTokens: tokens,
    maxBlocksPerSequence: 2,
  });
  const queryStartLoc = [0];
  for (const length of lengths) queryStartLoc.push(queryStartLoc[queryStartLoc.length - 1] + length);
  batch.update({
    queryStartLoc,
    seqLens: lengths,
    blockTable: lengths.map((_, row) => [2 * row, 2 * row + 1]),
  });
  const output = device.empty([tokens, HEADS, SIZE], "float16");
  attention.forward({ query, key, value, output, cache: cache.layer(0), batch });
  return { attention, output: await output.readFloat32() };
}

// A row for each sequence of the step: there is one. Another step's numbers are written before its `update`.
const documents = await device.upload(documentOf, { shape: [1, tokens], dtype: "int32" });
/** @type {import("rocm-attention").MaskMod} */
const maskMod = ({ row, query, key }) =>
  query.ge(key).and(documents.at(row, query).eq(documents.at(row, key))); // or flex.documentMask(documents)
const packed = await attend({ backend: "FLEX_ATTENTION", maskMod }, [tokens]);
console.log(packed.attention.backend, packed.attention.config.flex?.maskMod);

// The same documents as sequences of their own, with the default backend's causal mask.
const apart = await attend({}, LENGTHS);
const difference = Math.max(...packed.output.map((x, i) => Math.abs(x - apart.output[i])));
console.log(`largest difference from ${apart.attention.backend}: ${difference}`);
if (difference > 2e-3) throw new Error("the documents are not apart");

const library = await attend({ backend: "FLEX_ATTENTION", maskMod: flex.documentMask(documents) }, [tokens]);
if (library.output.some((x, i) => x !== packed.output[i])) throw new Error("the library's mask is another");
await device.close();
