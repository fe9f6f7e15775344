import { afterAll, describe, expect, it } from "vitest";
import { createAttention, createBatch, createMlaAttention } from "../../../lib/index.js";
import { type Call, tryAnyArguments } from "../../support/any-arguments.js";
import { coded } from "../../support/coded.js";
import { openTestDevice } from "../../support/device.js";

const device = openTestDevice();
afterAll(() => device.close());

const config = { numHeads: 2, kvLoraRank: 512, dtype: "bfloat16" } as const;
const attention = createMlaAttention(device, config);
const cache = attention.createKvCache({ numBlocks: 4 });
const batch = createBatch(device, { maxSequences: 2, maxTokens: 4, maxBlocksPerSequence: 2 });
batch.update({ queryStartLoc: [0, 3], seqLens: [3], blockTable: [[0]] });
const tensor = (...shape: number[]) => device.zeros(shape, "bfloat16");
const kvB = tensor(2 * 256, 512);
const weights = attention.prepareKvB(kvB);
const [queryNope, queryRope, latent, keyRope, output] = [
  tensor(3, 2, 128),
  tensor(3, 2, 64),
  tensor(3, 512),
  tensor(3, 64),
  tensor(3, 2, 128),
];
const forward = { queryNope, queryRope, latent, keyRope, weights, output, cache: cache.layer(0), batch };

describe("a wrong call of latent attention", () => {
  const other = createMlaAttention(device, { ...config, numHeads: 3 });
  const others = other.prepareKvB(tensor(3 * 256, 512));
  const disposed = attention.prepareKvB(kvB);
  disposed.dispose();
  it.each<[string, string, object]>([
    ["ERR_INVALID_ARGUMENT", "shape .*2, 128.* for queryNope", { queryNope: queryRope }],
    ["ERR_INVALID_ARGUMENT", "tokens >= 3.* for queryRope", { queryRope: tensor(2, 2, 64) }],
    ["ERR_INVALID_ARGUMENT", "shape .*512.* for latent", { latent: tensor(3, 1, 512) }],
    ["ERR_INVALID_ARGUMENT", "together, or neither for latent", { latent: undefined }],
    ["ERR_INVALID_ARGUMENT", "dtype bfloat16 for keyRope", { keyRope: device.zeros([3, 64], "float16") }],
    ["ERR_INVALID_ARGUMENT", "MlaWeights for weights", { weights: kvB }],
    ["ERR_INVALID_ARGUMENT", "2 heads for weights", { weights: others }],
    ["ERR_DISPOSED", "dispose\\(\\)", { weights: disposed }],
    ["ERR_INVALID_ARGUMENT", "the cache is not fp8.* for kScale", { kScale: 2 }],
    ["ERR_INVALID_ARGUMENT", "the cache is not fp8.* for qScale", { qScale: 2 }],
    ["ERR_INVALID_ARGUMENT", "dtype float32 for lse", { lse: tensor(3, 2) }],
    ["ERR_INVALID_ARGUMENT", "for cache", { cache: null }],
    ["ERR_INVALID_ARGUMENT", "only queryNope", { value: output }],
  ])("%s: %s", (code, text, changes) => {
    expect(() => attention.forward({ ...forward, ...changes } as typeof forward)).toThrow(
      coded(code as "ERR_DISPOSED", text),
    );
  });

  it("is one of the wrong function, of sizes without kernels, or of a wrong weight", () => {
    expect(() => createAttention(device, config as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "kvLoraRank"),
    );
    const grouped = { numHeads: 2, numKvHeads: 1, headSize: 64, dtype: "bfloat16" };
    expect(() => createMlaAttention(device, grouped as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "kvLoraRank"),
    );
    for (const sizes of [
      { kvLoraRank: 256 },
      { qkNopeHeadDim: 192 },
      { kvLoraRank: 448, qkRopeHeadDim: 128 },
    ]) {
      expect(() => createMlaAttention(device, { ...config, ...sizes, backend: "TRITON_MLA" })).toThrow(
        coded("ERR_BACKEND_UNSUPPORTED"),
      );
    }
    expect(() => createMlaAttention(device, { ...config, maxChunkTokens: 255 })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "maxChunkTokens"),
    );
    expect(() => attention.prepareKvB(tensor(256, 512))).toThrow(coded("ERR_INVALID_ARGUMENT", "512, 512"));
  });
});

it("any arguments of latent attention are answered rightly or with a coded error", async () => {
  const calls: Call[] = [
    ["createMlaAttention", createMlaAttention, device, config],
    ["prepareKvB", attention.prepareKvB.bind(attention), kvB, { stream: device.defaultStream }],
    ["forward", attention.forward.bind(attention), forward],
    ["wrapKvCache", attention.wrapKvCache.bind(attention), { latent: tensor(4, 16, 576) }],
  ];
  await tryAnyArguments(calls, [device, attention, batch, cache, weights, output, { latent }]);
  await device.defaultStream.synchronize();
});
