import { defineConfig } from "vitest/config";

/** Files at a time where they do not disturb each other: much of a test is one thread, which builds cases or references. */
const maxWorkers = 2;

/** Tests that open devices or start processes: each file in a process of its own. */
const apart = {
  pool: "forks",
  setupFiles: ["test/support/typed-arrays.ts"],
  // A hang ends, and 100,000 random calls do not.
  testTimeout: process.env.ROCM_ATTENTION_TEST_ALL === "1" ? 1_800_000 : 120_000,
  hookTimeout: 120_000,
} as const;

/** Of tests that share a GPU, that look at times or memory, or that start many processes: one file after the other. */
const alone = { fileParallelism: false, ...apart } as const;
const device = process.env.ROCM_ATTENTION_TEST_DEVICE === "gpu" ? alone : { maxWorkers, ...apart };

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 60_000, maxWorkers } },
      { test: { name: "device", include: ["test/device/**/*.test.ts"], ...device } },
      { test: { name: "process", include: ["test/process/**/*.test.ts"], ...alone } },
      {
        test: {
          name: "pack",
          include: ["test/pack/**/*.test.ts"],
          globalSetup: ["test/pack/tarballs.ts"],
          ...alone,
        },
      },
    ],
  },
});
