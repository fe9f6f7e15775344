// A backend of one's own, in strict TypeScript: attention for encoders by a kernel that the program has compiled.
//
//     node examples/own-backend.ts          (Node.js 22.18 or newer; older ones want it compiled)
import {
  type BackendFactory,
  createAttention,
  createBatch,
  Device,
  type OwnCapabilities,
  registerBackend,
} from "rocm-attention";
import { compileHip, kernelArguments } from "./hip/compile.mjs";

/** What it can do: configurations beyond that are refused with a reason, before anything runs. */
const CAPABILITIES: OwnCapabilities = {
  kind: "standard",
  summary: "One wave for each token and head, for encoders.",
  dtypes: ["float32"],
  headSizes: { oneOf: [64] },
  attentionTypes: ["encoder_only"],
};

const factory: BackendFactory = ({ device, config, layout }) => {
  if (layout === null) throw new Error("this package has the layout paired");
  const module = device.loadModule(compileHip("encoder_attention.hip", device.info.arch));
  const kernel = module.kernel("encoder_attention");
  const { numHeads, numKvHeads, scale } = config;
  return {
    cacheLayout: layout,
    prepare: () => ({ workspaceBytes: 0, derived: null }),
    plan: ({ tokens }) => tokens,
    run({ query, key, value, output }, tokens: number, { batch, stream }) {
      if (key === null || value === null) throw new Error("an encoder has keys and values");
      stream.launch(kernel, {
        grid: [tokens, numHeads],
        block: 64,
        kernargs: kernelArguments(
          ...[query.pointer, key.pointer, value.pointer, output.pointer, batch.queryStartLocPointer],
          ...[{ i32: numHeads }, { i32: numKvHeads }, { f32: scale }],
        ),
      });
    },
    dispose: () => module.dispose(),
  };
};

registerBackend("PLAIN", CAPABILITIES, factory);
const device = Device.open({ emulate: "gfx942", computeUnits: 8 });

const [heads, kvHeads, size] = [4, 2, 64];
const queryStartLoc = [0, 5, 12]; // two sequences
const random = (rows: number, of: number) => {
  const numbers = Float32Array.from({ length: rows * of * size }, () => 2 * Math.random() - 1);
  return device.upload(numbers, { shape: [rows, of, size], dtype: "float32" });
};
const [query, key, value] = [await random(12, heads), await random(12, kvHeads), await random(12, kvHeads)];

/** The same call through a named backend. */
async function attend(backend: string): Promise<Float32Array> {
  const attention = createAttention(device, {
    numHeads: heads,
    numKvHeads: kvHeads,
    headSize: size,
    dtype: "float32",
    attentionType: "encoder_only",
    backend,
  });
  const batch = createBatch(device, { maxSequences: 2, maxTokens: 12, maxBlocksPerSequence: 0 });
  batch.update({ queryStartLoc });
  const output = device.empty([12, heads, size], "float32");
  attention.forward({ query, key, value, output, batch });
  return await output.readFloat32();
}

const [own, theirs] = [await attend("PLAIN"), await attend("TRITON_ATTN")];
const difference = own.reduce((most, x, i) => Math.max(most, Math.abs(x - (theirs[i] ?? Number.NaN))), 0);
console.log(`PLAIN and TRITON_ATTN differ by at most ${difference.toExponential(1)}`);
if (!(difference < 1e-5)) throw new Error("the two backends disagree");
await device.close();
