import { expect, it } from "vitest";
import { tritonDecodeGrid, tritonDecodePartitions } from "../../../lib/ops/aiter-triton-decode-rule.js";

// Worked out by hand from AITER's host code.
it.each([
  [{ sequences: 1, numHeads: 32, maxSeqLen: 1 }, null],
  [{ sequences: 1, numHeads: 32, maxSeqLen: 1024 }, null],
  [{ sequences: 1, numHeads: 32, maxSeqLen: 1025 }, 2],
  [{ sequences: 16, numHeads: 32, maxSeqLen: 2048 }, 2], // 512 heads are not more than 512
  [{ sequences: 17, numHeads: 32, maxSeqLen: 2048 }, null],
  [{ sequences: 17, numHeads: 32, maxSeqLen: 8192 }, null],
  [{ sequences: 17, numHeads: 32, maxSeqLen: 8193 }, 9],
  [{ sequences: 1, numHeads: 8, maxSeqLen: 32_768 }, 32],
])("AITER decodes %j in %j partitions", (step, partitions) => {
  expect(tritonDecodePartitions(step)).toBe(partitions);
});

it("a workgroup takes a KV head of a sequence, or of a partition", () => {
  expect(tritonDecodeGrid(5, 2, null)).toEqual([5, 2, 1]);
  expect(tritonDecodeGrid(5, 2, 3)).toEqual([5, 2, 3]);
});
