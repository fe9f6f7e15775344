import { fileURLToPath } from "node:url";
import { beforeAll, expect, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { jest, testPackages } from "../../scripts/setup/test-packages.mjs";
import { typescript } from "../../scripts/setup/typescript.mjs";
import { onGpu } from "../support/device.js";
import { runNode } from "../support/node.js";
import { runProgram } from "../support/program.js";

const CONFIG = {
  rootDir: fileURLToPath(new URL("jest", import.meta.url)),
  testMatch: ["**/*.jest.mjs"],
  moduleNameMapper: { "^rocm-attention$": `${root}/dist/index.js` },
  transform: {},
};

beforeAll(async () => {
  for (const step of [typescript, testPackages]) if (!step.isDone()) await step.perform(() => {});
});

// Two files in one process: each with a copy of the package, all with the one addon.
it.skipIf(onGpu)("the package works under Jest, in two realms after each other", () => {
  const flags = ["--config", JSON.stringify(CONFIG), "--runInBand", "--json"];
  const { stdout, stderr } = runNode(["--experimental-vm-modules", "--no-warnings", jest, ...flags], {
    encoding: "utf8",
  });
  expect(stderr).not.toContain("●");
  expect(JSON.parse(stdout)).toMatchObject({ numPassedTests: 8, numTotalTests: 8, success: true });
});

it("two copies of the package work side by side and name each other's objects", async () => {
  const { status, stdout, stderr } = await runProgram("second-copy.mjs");
  const refused = (name: string) => `ERR_INVALID_ARGUMENT a ${name} of another copy of rocm-attention`;
  const lines = stdout.replaceAll(/ \(npm ls .*\)/g, "").split("\n");
  expect(lines).toEqual([...["Device", "Tensor", "Stream", "Device"].map(refused), "0 0 0 0", ""]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
