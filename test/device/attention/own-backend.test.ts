import { afterAll, afterEach, describe, expect, it } from "vitest";
import {
  type AttentionCall,
  type AttentionConfig,
  type BackendFactory,
  createAttention,
  createBatch,
  type Derived,
  listBackends,
  type OwnCapabilities,
  overrideBackend,
  type RunContext,
  registerBackend,
  type StepView,
  Tensor,
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
const addTwo: BackendFactory = ({ device, config: { numHeads, headSize }, layout }) => {
  const add = device.loadModule(runtimeKernels(device.info.arch)).kernel("add");
  return {
    cacheLayout: layout!,
    prepare: () => ({ workspaceBytes: 0, derived: null }),
    plan: ({ tokens }) => tokens,
    run({ output }, tokens: number, { stream }) {
      const count = tokens * numHeads * headSize;
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

describe("a backend", () => {
  /** A backend that notes what is asked of it, and derives the sum of a step's lengths. */
  function recorder() {
    const asked = { prepared: 0, planned: [] as (StepView | null)[], calls: [] as AttentionCall[] };
    const at: RunContext[] = [];
    const factory: BackendFactory = ({ layout }) => ({
      cacheLayout: layout!,
      prepare(limits, derive) {
        asked.prepared++;
        const fill = ({ seqLens }: StepView, into: Uint8Array) => {
          new DataView(into.buffer).setInt32(
            0,
            seqLens.reduce((sum, length) => sum + length, 0),
            true,
          );
          return 4;
        };
        return { workspaceBytes: 64 * limits.maxTokens, derived: derive({ bytes: 4, fill }) };
      },
      plan(shape, step) {
        asked.planned.push(step);
        return shape;
      },
      run(call, _, context) {
        asked.calls.push(call);
        at.push(context);
      },
      dispose() {},
    });
    return { asked, at, factory };
  }

  const shape = { numHeads: 2, numKvHeads: 2, headSize: 32 };
  const step = (length: number) => ({ queryStartLoc: [0, 1], seqLens: [length], blockTable: [[0]] });
  const makeBatch = () => createBatch(device, { maxSequences: 1, maxTokens: 4, maxBlocksPerSequence: 1 });

  it("is prepared once per batch, plans once per step for all layers, and runs once per call", async () => {
    const { asked, at, factory } = recorder();
    register("RECORDER", factory);
    using attention = createAttention(device, { ...CONFIG, backend: "RECORDER" });
    using cache = attention.createKvCache({ numBlocks: 1, layers: 32 });
    using batch = makeBatch();
    using query = device.zeros([4, 2, 32], "float32");
    using output = device.zeros([4, 2, 32], "float32");
    const layers = () => {
      for (let i = 0; i < 32; i++) attention.forward({ query, output, cache: cache.layer(i), batch });
    };
    for (const length of [3, 5]) {
      batch.update(step(length));
      layers();
      expect(asked.planned.at(-1)).toBe(batch.step);
      const pointer = (at.at(-1)!.derived as Derived).pointer;
      const sum = Tensor.fromPointer(device, pointer, { shape: [1], dtype: "int32", byteLength: 4 });
      expect([...((await sum.read()) as Int32Array)]).toEqual([length]);
    }
    expect([asked.prepared, asked.planned.length, asked.calls.length]).toEqual([1, 2, 64]);
    expect(new Set(at.map(({ workspace }) => workspace)).size).toBe(1);
    expect(device.memory().byCategory.workspace).toBe(256);
    // A capture has one plan, for the largest step, and workspace of its own.
    using stream = device.createStream();
    stream.beginCapture();
    for (const _ of [1, 2]) attention.forward({ query, output, cache: cache.layer(0), batch, stream });
    const graph = stream.endCapture();
    expect(asked.planned.slice(2)).toEqual([null]);
    expect(at.at(-1)!.workspace).not.toBe(at[0]!.workspace);
    graph.dispose();
    attention.dispose();
    await device.defaultStream.synchronize();
    expect(device.memory().byCategory.workspace).toBe(0);
    batch.update(step(1)); // nothing derives from it any more
  });

  it("gets everything that the call carries", () => {
    const { asked, factory } = recorder();
    register("RECORDER", factory, {
      ...OWN,
      dtypes: ["bfloat16"],
      kvCacheDtypes: ["fp8"],
      sinks: true,
      lse: true,
      kvCacheLayouts: ["halves", "paired"],
    });
    if (device.info.arch === "gfx90a") return; // has no fp8
    const config = { ...shape, dtype: "bfloat16", kvCacheDtype: "fp8", sinks: true, env: {} } as const;
    using attention = createAttention(device, { ...config, backend: "RECORDER" });
    const { name, dtype, bytesPerBlock } = attention.kvCacheLayout;
    expect([name, dtype, bytesPerBlock]).toEqual([
      "halves",
      device.info.arch === "gfx942" ? "float8_e4m3fnuz" : "float8_e4m3fn",
      2 * 16 * 2 * 32,
    ]);
    expect(attention.explanation.kvCacheLayout).toBe("halves");
    const other = { ...config, backend: "RECORDER", kvCacheLayout: "paired" };
    expect(createAttention(device, other).kvCacheLayout.name).toBe("paired");
    expect(() => createAttention(device, { ...other, kvCacheLayout: "split" })).toThrow(
      coded("ERR_BACKEND_UNSUPPORTED", "halves or paired", "split"),
    );
    const rows = device.zeros([4, 2, 32], "bfloat16");
    const [sinks, kScale, lse] = [
      device.zeros([2], "bfloat16"),
      device.zeros([1], "float32"),
      device.zeros([4, 2], "float32"),
    ];
    const batch = makeBatch();
    batch.update(step(2));
    const cache = attention.createKvCache({ numBlocks: 1 }).layer(0);
    const given = { query: rows, key: rows, value: rows, output: rows, lse, sinks, kScale, vScale: 2, cache };
    attention.forward({ ...given, batch });
    expect(asked.calls).toEqual([{ ...given, outputScale: null }]);
    for (const [wrong, ...words] of [
      [{ sinks: undefined }, "a Tensor for sinks", "undefined"],
      [{ sinks: device.zeros([3], "bfloat16") }, "\\[2\\] for sinks"],
      [{ sinks: device.zeros([2], "float32") }, "bfloat16 for sinks"],
      [{ kScale: 0 }, "a positive number", "kScale"],
      [{ vScale: "2" }, "a Tensor for vScale"],
      [{ vScale: device.zeros([2], "float32") }, "\\[1\\] for vScale"],
      [{ outputScale: 1 }, "writes no fp8 on gfx\\w+\\) for outputScale"],
    ] as const) {
      expect(() => attention.forward({ ...given, batch, ...wrong } as never)).toThrow(
        coded("ERR_INVALID_ARGUMENT", ...words),
      );
    }
  });
});

describe("a factory", () => {
  it("must be a function", () => {
    expect(() => registerBackend("MINE", OWN, {} as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "factory"));
    expect(listBackends().map(({ name }) => name)).not.toContain("MINE");
  });

  it.each([undefined, {}, { run() {} }, { prepare() {}, plan() {}, run() {}, dispose() {} }])(
    "must make a backend, not %j",
    (made) => {
      register("MINE", () => made as never);
      expect(() => createAttention(device, { ...CONFIG, backend: "MINE" })).toThrow(
        coded("ERR_INVALID_ARGUMENT", "cache\\s?[lL]ayout", "MINE"),
      );
    },
  );

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
    const unserved = { ...CONFIG, dtype: "float32", blockSize: 8, backend: "FLEX_ATTENTION" } as const;
    expect(() => createAttention(device, unserved)).toThrow(
      coded("ERR_NO_KERNELS_FOR_ARCH", "FLEX_ATTENTION", "cache write of block size 8", device.info.arch),
    );
  });
});
