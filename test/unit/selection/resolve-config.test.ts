import { describe, expect, it } from "vitest";
import { resolveConfig } from "../../../lib/selection/resolve-config.js";

describe("what a configuration leaves out", () => {
  it("of standard attention", () => {
    expect(resolveConfig({ numHeads: 32, numKvHeads: 8, headSize: 64, dtype: "float16" })).toEqual({
      numHeads: 32,
      numKvHeads: 8,
      headSize: 64,
      dtype: "float16",
      kvCacheDtype: "auto",
      kvCacheLayout: null,
      blockSize: 16,
      scale: 1 / 8,
      backend: null,
      batchInvariant: false,
      slidingWindow: null,
      alibi: false,
      alibiSlopes: null,
      logitsSoftCap: null,
      sinks: false,
      flex: null,
      attentionType: "decoder",
      mla: null,
    });
  });

  it("of multi-head latent attention: DeepSeek's sizes", () => {
    expect(resolveConfig({ numHeads: 16, kvLoraRank: 512, dtype: "bfloat16" })).toEqual({
      numHeads: 16,
      numKvHeads: 1,
      headSize: 576,
      dtype: "bfloat16",
      kvCacheDtype: "auto",
      kvCacheLayout: null,
      blockSize: 16,
      scale: 1 / Math.sqrt(192),
      backend: null,
      batchInvariant: false,
      slidingWindow: null,
      alibi: false,
      alibiSlopes: null,
      logitsSoftCap: null,
      sinks: false,
      flex: null,
      attentionType: "decoder",
      mla: { kvLoraRank: 512, qkNopeHeadDim: 128, qkRopeHeadDim: 64, vHeadDim: 128, maxChunkTokens: 4096 },
    });
  });
});

it("what a configuration says is kept", () => {
  const standard = { numHeads: 8, numKvHeads: 2, headSize: 128, dtype: "bfloat16" } as const;
  const said = {
    kvCacheDtype: "fp8",
    blockSize: 32,
    kvCacheLayout: "halves",
    scale: 0.5,
    backend: "MINE",
    batchInvariant: true,
  } as const;
  const features = { slidingWindow: 128, logitsSoftCap: 30, sinks: true, attentionType: "encoder" } as const;
  const slopes = { alibiSlopes: new Float32Array(8) };
  expect(resolveConfig({ ...standard, ...said, ...features, ...slopes })).toEqual({
    ...standard,
    ...said,
    ...features,
    alibi: true,
    alibiSlopes: Array(8).fill(0),
    flex: null,
    mla: null,
  });
  const sizes = { kvLoraRank: 256, qkNopeHeadDim: 64, qkRopeHeadDim: 32, vHeadDim: 96 };
  expect(resolveConfig({ numHeads: 8, dtype: "bfloat16", ...said, ...sizes })).toMatchObject({
    ...said,
    headSize: 288,
    mla: sizes,
  });
});
