import { expect, it } from "vitest";
import { runProgram } from "../support/program.js";

it("two copies of the package work side by side and name each other's objects", async () => {
  const { status, stdout, stderr } = await runProgram("second-copy.mjs");
  const refused = (name: string) => `ERR_INVALID_ARGUMENT a ${name} of another copy of rocm-attention`;
  const lines = stdout.replaceAll(/ \(npm ls .*\)/g, "").split("\n");
  expect(lines).toEqual([...["Device", "Tensor", "Stream", "Device"].map(refused), "0 0 0 0", ""]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
