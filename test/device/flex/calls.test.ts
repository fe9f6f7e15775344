import { afterAll, describe, expect, it } from "vitest";
import {
  createAttention,
  createBatch,
  Device,
  explain,
  flex,
  type MaskMod,
  type Tensor,
} from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { openTestDevice } from "../../support/device.js";
import { noHipKernels } from "../../support/hip-kernels.js";
import { Random } from "../../support/reference.js";

const device = openTestDevice();
afterAll(() => device.close());

const [HEADS, SIZE, TOKENS] = [2, 64, 40];
const CONFIG = { numHeads: HEADS, numKvHeads: HEADS, headSize: SIZE, dtype: "float16" } as const;
const BACKEND = { backend: "FLEX_ATTENTION" } as const;
const upload = (seed: number) =>
  device.upload(Float32Array.from(new Random(seed).normals(TOKENS * HEADS * SIZE)), {
    shape: [TOKENS, HEADS, SIZE],
    dtype: "float16",
  });

/** An attention with a mask over `documents`, at a step of one sequence of all tokens. */
async function prepared(documents: Tensor) {
  const attention = createAttention(device, { ...CONFIG, ...BACKEND, maskMod: flex.documentMask(documents) });
  const cache = attention.createKvCache({ numBlocks: 4 });
  const batch = createBatch(device, { maxSequences: 2, maxTokens: TOKENS, maxBlocksPerSequence: 3 });
  const output = device.empty([TOKENS, HEADS, SIZE], "float16");
  const [query, key, value] = [await upload(1), await upload(2), await upload(3)];
  const update = () =>
    batch.update({ queryStartLoc: [0, TOKENS], seqLens: [TOKENS], blockTable: [[2, 0, 3]] });
  const forward = (stream = device.defaultStream) =>
    attention.forward({ query, key, value, output, cache: cache.layer(0), batch, stream });
  return { attention, batch, output, update, forward };
}

const documentsOf = (length: number) => Int32Array.from({ length: TOKENS }, (_, i) => Math.floor(i / length));

describe.skipIf(noHipKernels !== null)("captured tensors", () => {
  it("may be rewritten before update, which replays see too", async () => {
    const documents = await device.upload(documentsOf(7), { shape: [1, TOKENS], dtype: "int32" });
    const { attention, batch, output, update, forward } = await prepared(documents);
    const results: unknown[] = [];
    for (const length of [7, 40]) {
      await documents.write(documentsOf(length));
      update();
      forward();
      results.push(await output.read());
    }
    expect(results[0]).not.toEqual(results[1]);
    const stream = device.createStream();
    attention.prepare(batch, { stream });
    await stream.synchronize();
    stream.beginCapture();
    forward(stream);
    const graph = stream.endCapture();
    for (const [i, length] of [7, 40].entries()) {
      await documents.write(documentsOf(length));
      update();
      await device.defaultStream.synchronize();
      graph.launch(stream);
      expect(await output.read({ stream })).toEqual(results[i]);
    }
    graph.dispose();
    attention.dispose();
  });

  it("that are gone are an error before anything is enqueued", async () => {
    const documents = await device.upload(documentsOf(7), { shape: [1, TOKENS], dtype: "int32" });
    const { output, update, forward } = await prepared(documents);
    update();
    forward();
    const before = await output.read();
    documents.dispose();
    expect(() => forward()).toThrow(coded("ERR_DISPOSED"));
    expect(() => update()).toThrow(coded("ERR_DISPOSED"));
    expect(await output.read()).toEqual(before);
    const again = () =>
      createAttention(device, { ...CONFIG, ...BACKEND, maskMod: flex.documentMask(documents) });
    expect(again).toThrow(coded("ERR_DISPOSED"));
  });

  it("of another device are refused", async () => {
    await using other = Device.open({ emulate: "gfx942", computeUnits: 1 });
    const documents = await other.upload(documentsOf(7), { shape: [1, TOKENS], dtype: "int32" });
    const maskMod = flex.documentMask(documents);
    expect(() => createAttention(device, { ...CONFIG, ...BACKEND, maskMod })).toThrow(
      coded("ERR_FLEX_TRACE", "on the attention's device", "int32 tensor \\[1, 40\\] on another"),
    );
  });
});

describe("functions of a configuration", () => {
  const maskMod: MaskMod = ({ query, key }) => key.le(query);

  it("are plain text in the explanation, which can be sent as JSON", () => {
    const { config, backend } = explain(
      { ...CONFIG, ...BACKEND, maskMod, scoreMod: flex.softCap(5) },
      { env: {} },
    );
    expect(backend).toBe("FLEX_ATTENTION");
    const flexTexts = { scoreMod: "tanh((score * 0.20000000298023224)) * 5.0", maskMod: "key <= query" };
    expect(JSON.parse(JSON.stringify(config)).flex).toEqual(flexTexts);
    expect(structuredClone(config)!.flex).toEqual(flexTexts);
  });

  it("need FLEX_ATTENTION by name", () => {
    const alone = explain({ ...CONFIG, maskMod }, { env: {} }).error!;
    expect(alone.code).toBe("ERR_NO_BACKEND");
    expect(alone.message).toContain("TRITON_ATTN does not support scoreMod and maskMod");
    expect(alone.message).toContain("FLEX_ATTENTION could: set VLLM_ATTENTION_BACKEND=FLEX_ATTENTION");
    const other = explain({ ...CONFIG, scoreMod: flex.softCap(5), backend: "TRITON_ATTN" }, { env: {} })
      .error!;
    expect(other.code).toBe("ERR_BACKEND_UNSUPPORTED");
    expect(other.message).toContain('FLEX_ATTENTION could: set backend: "FLEX_ATTENTION"');
    const byVariable = { env: { VLLM_ATTENTION_BACKEND: "FLEX_ATTENTION" } };
    expect(explain({ ...CONFIG, maskMod }, byVariable).backend).toBe("FLEX_ATTENTION");
  });

  it.each([
    [{ maskMod: null }, "a function for maskMod, received null"],
    [{ scoreMod: "score" }, 'a function for scoreMod, received "score"'],
    [{ maskMod, slidingWindow: 9 }, "flex.slidingWindow"],
    [{ scoreMod: flex.softCap(3), logitsSoftCap: 9 }, "flex.softCap"],
    [{ scoreMod: flex.softCap(3), alibiSlopes: [1, 2] }, "flex.alibi"],
  ])("%o are refused", (options, words) => {
    const { error } = explain({ ...CONFIG, ...BACKEND, ...options } as never, { env: {} });
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT" });
    expect(error!.message).toContain(words);
  });
});
