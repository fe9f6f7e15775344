import { afterAll, afterEach, describe, expect, it } from "vitest";
import {
  type AttentionConfig,
  type BackendFactory,
  createAttention,
  createBatch,
  listBackends,
  type OwnCapabilities,
  overrideBackend,
  registerBackend,
} from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { openTestDevice } from "../../support/device.js";
import { kernargs, noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";

const device = openTestDevice();
afterAll(() => device.close());

const CONFIG: AttentionConfig = { numHeads: 2, numKvHeads: 2, headSize: 32, dtype: "float32", env: {} };
const OWN: OwnCapabilities = { kind: "standard", summary: "Adds 2 to every output.", dtypes: ["float32"] };
const TOKENS = 3;

/** A backend as a program writes it: it launches a kernel that the program has compiled. */
const addTwo: BackendFactory = (device, { numHeads, headSize }) => {
  const add = device.loadModule(runtimeKernels(device.info.arch)).kernel("add");
  return {
    forward({ output, batch, stream }) {
      const count = batch.shape.numTokens * numHeads * headSize;
      stream.launch(add, {
        grid: [Math.ceil(count / 64)],
        block: 64,
        kernargs: kernargs(output.pointer, { float: 2 }, count),
      });
    },
    dispose() {},
  };
};

const undo: (() => void)[] = [];
afterEach(() => {
  for (const back of undo.splice(0)) back();
});

function register(name: string, factory: BackendFactory = addTwo, capabilities = OWN) {
  const back = registerBackend(name, capabilities, factory);
  undo.push(back);
  return back;
}

/** Runs a step of three tokens; gives the first element of the output, which was 0 before. */
async function run(config: AttentionConfig, { lse = false } = {}): Promise<number> {
  using attention = createAttention(device, config);
  using cache = attention.createKvCache({ numBlocks: 1 });
  using batch = createBatch(device, { maxSequences: 1, maxTokens: TOKENS, maxBlocksPerSequence: 1 });
  batch.update({ queryStartLoc: [0, TOKENS], seqLens: [TOKENS], blockTable: [[0]] });
  const { numHeads, numKvHeads, headSize, dtype } = config;
  using rows = device.zeros([TOKENS, numKvHeads, headSize], dtype);
  using query = device.zeros([TOKENS, numHeads, headSize], dtype);
  using output = device.zeros([TOKENS, numHeads, headSize], dtype);
  using sums = device.zeros([TOKENS, numHeads], "float32");
  const kept = { key: rows, value: rows, cache: cache.layer(0) };
  attention.forward({ query, ...kept, output, batch, ...(lse ? { lse: sums } : {}) });
  const values = await output.readFloat32();
  expect(new Set(values).size).toBe(1);
  return values[0]!;
}

describe.skipIf(noCompiler)("a backend that the program registers", () => {
  it("runs its own kernel where it is named", async () => {
    register("ADD_TWO");
    expect(await run({ ...CONFIG, backend: "ADD_TWO" })).toBe(2);
    expect(await run({ ...CONFIG, env: { VLLM_ATTENTION_BACKEND: "ADD_TWO" } })).toBe(2);
    using attention = createAttention(device, { ...CONFIG, backend: "ADD_TWO" });
    expect(attention.backend).toBe("ADD_TWO");
    expect(attention.explanation.candidates[0]).toMatchObject({ backend: "ADD_TWO", origin: "registered" });
  });

  it("stands in for one of the package until that is undone", async () => {
    const back = register("TRITON_ATTN");
    expect(await run(CONFIG)).toBe(2);
    expect(listBackends()[0]).toMatchObject({ name: "TRITON_ATTN", origin: "replaced" });
    back();
    const config: AttentionConfig = { ...CONFIG, headSize: 128, dtype: "bfloat16" };
    expect(await run(config)).toBe(0);
    using attention = createAttention(device, config);
    expect(attention.explanation.candidates).not.toContainEqual(
      expect.objectContaining({ origin: "replaced" }),
    );
  });

  it("can be forced for the whole process", async () => {
    register("ADD_TWO");
    const before = overrideBackend("ADD_TWO");
    undo.push(() => overrideBackend(before));
    expect(await run({ ...CONFIG, backend: "TRITON_ATTN" })).toBe(2);
    expect(listBackends().at(-1)).toMatchObject({ name: "ADD_TWO", overriding: true });
  });

  it("is held to what it declares", async () => {
    register("ADD_TWO");
    expect(() => createAttention(device, { ...CONFIG, dtype: "float16", backend: "ADD_TWO" })).toThrow(
      coded("ERR_BACKEND_UNSUPPORTED", "ADD_TWO", "takes dtype float32, not float16"),
    );
    await expect(run({ ...CONFIG, backend: "ADD_TWO" }, { lse: true })).rejects.toThrow(
      coded("ERR_INVALID_ARGUMENT", "ADD_TWO does not compute it", "lse"),
    );
  });

  it("is gone when it is undone", () => {
    register("ADD_TWO")();
    expect(() => createAttention(device, { ...CONFIG, backend: "ADD_TWO" })).toThrow(
      coded("ERR_INVALID_BACKEND", "ADD_TWO"),
    );
  });
});

describe("a factory", () => {
  it("must be a function", () => {
    expect(() => registerBackend("MINE", OWN, {} as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "factory"));
    expect(listBackends().map(({ name }) => name)).not.toContain("MINE");
  });

  it.each([undefined, {}, { forward() {} }])("must make a backend, not %j", (made) => {
    register("MINE", () => made as never);
    expect(() => createAttention(device, { ...CONFIG, backend: "MINE" })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "forward and dispose", "MINE"),
    );
  });

  it("may throw: createAttention throws the same", () => {
    const mine = new Error("no memory left");
    register("MINE", () => {
      throw mine;
    });
    expect(() => createAttention(device, { ...CONFIG, backend: "MINE" })).toThrow(mine);
  });
});

describe("a backend of the package that has no kernels", () => {
  it("is refused with what is lacking, before anything is loaded", () => {
    expect(() => createAttention(device, { ...CONFIG, backend: "FLEX_ATTENTION" })).toThrow(
      coded(
        "ERR_NO_KERNELS_FOR_ARCH",
        "FLEX_ATTENTION",
        "prefill, decode, mixed, cache write",
        device.info.arch,
      ),
    );
  });
});
