import { defineConfig } from "vitest/config";

/** Tests that open devices or start processes: one file after the other, each in a process of its own. */
const apart = {
  pool: "forks",
  fileParallelism: false,
  // A hang ends, and 100,000 random calls do not.
  testTimeout: process.env.ROCM_ATTENTION_TEST_ALL === "1" ? 1_800_000 : 120_000,
  hookTimeout: 120_000,
} as const;

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 60_000 } },
      { test: { name: "device", include: ["test/device/**/*.test.ts"], ...apart } },
      { test: { name: "process", include: ["test/process/**/*.test.ts"], ...apart } },
      {
        test: {
          name: "pack",
          include: ["test/pack/**/*.test.ts"],
          globalSetup: ["test/pack/tarballs.ts"],
          ...apart,
        },
      },
    ],
  },
});
