import { describe, expect, it } from "vitest";
import { isTargetOf } from "../../../lib/catalog/targets.js";
import { explain } from "../../../lib/selection/explain.js";
import { syntheticCatalog } from "../../support/catalogs.js";

const LLAMA = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" } as const;
const FULL = "gfx942:sramecc+:xnack-";

describe("a target with its features", () => {
  it("is chosen for as the bare one", () => {
    for (const env of [{}, { VLLM_ROCM_USE_AITER: "1" }, { VLLM_ATTENTION_BACKEND: "ROCM_AITER_MLA" }]) {
      const { target, ...full } = explain(LLAMA, { arch: FULL, env });
      expect(target).toEqual({ arch: FULL, from: "arch" });
      expect({ ...full, target: { arch: "gfx942", from: "arch" } }).toEqual(
        explain(LLAMA, { arch: "gfx942", env }),
      );
    }
  });

  it("has kernels of its own beside those of the bare one", () => {
    const catalog = syntheticCatalog([FULL], { aiter: true });
    const statusOn = (arch: string) =>
      explain(LLAMA, { arch, catalog, env: {} }).candidates.find(({ chosen }) => chosen)?.kernels;
    expect(statusOn(FULL)).toBe("available");
    expect(statusOn("gfx942")).toBe("missing");
  });
});

it.each([
  ["gfx1151", ["gfx11"], true],
  ["gfx1201", ["gfx11"], false],
  ["gfx942", ["gfx90a", "gfx942"], true],
  ["gfx9421", ["gfx942"], false],
])("%s is one of %j: %s", (target, prefixes, isOne) => {
  expect(isTargetOf(target, prefixes)).toBe(isOne);
});
