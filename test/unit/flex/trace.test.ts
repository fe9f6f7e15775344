import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as flex from "../../../lib/flex/modifications.js";
import { INPUT_NAMES, OPERATION_NAMES } from "../../../lib/flex/operations.js";
import { type MaskMod, type ScoreMod, traceFunctions } from "../../../lib/flex/trace.js";
import type { FlexValue } from "../../../lib/flex/value.js";
import { coded } from "../../support/coded.js";
import { fakeTensor } from "../../support/flex-tensors.js";

const ints = fakeTensor([4, 8]);
const floats = fakeTensor([4], "float32");

/** Programs written in JavaScript are not held to the types. */
// biome-ignore lint/suspicious/noExplicitAny: wrong on purpose.
const maskText = (maskMod: any) => traceFunctions({ maskMod: maskMod as MaskMod }).maskMod;
// biome-ignore lint/suspicious/noExplicitAny: wrong on purpose.
const scoreText = (scoreMod: any) => traceFunctions({ scoreMod: scoreMod as ScoreMod }).scoreMod;

describe("the text of a program", () => {
  it.each<[string, MaskMod]>([
    ["key <= query", flex.causal],
    ["(key <= query) and ((query - key) < 7)", flex.slidingWindow(7)],
    ["(key <= query) or (key < tensor0[row])", flex.prefixLm(fakeTensor([4]))],
    ["(key <= query) and (tensor0[row, query] == tensor0[row, key])", flex.documentMask(ints)],
    ["not((key <= query))", flex.not(flex.causal)],
    ["true", () => true],
    ["(key <= query) or true", flex.or(flex.causal, () => true)],
  ])("%s", (text, mod) => {
    expect(maskText(mod)).toBe(text);
  });

  it("names what is used more than once", () => {
    expect(maskText(flex.dilatedWindow(3, 2))).toBe(
      "t1 = (query - key)\n((0 <= t1) and (t1 < 6)) and ((t1 rem 2) == 0)",
    );
  });

  it.each<[string, ScoreMod]>([
    ["score + (tensor0[head] * float32((key - query)))", flex.alibi(floats)],
    ["score + tensor0[head, (query - key)]", flex.relativeBias(fakeTensor([4, 8], "float32"))],
    ["tanh((score * 0.05000000074505806)) * 20.0", flex.softCap(20)],
    [
      "tanh(((score * 2.0) * 0.20000000298023224)) * 5.0",
      flex.chain((score) => score.mul(2), flex.softCap(5)),
    ],
    ["float32(key)", (_, { key }) => key],
    ["0.5", () => 0.5],
  ])("%s", (text, mod) => {
    expect(scoreText(mod)).toBe(text);
  });
});

describe("what cannot be traced is refused with its expression", () => {
  type At = Record<string, FlexValue>;
  it.each<[string, (at: At) => unknown, string]>([
    [
      "a branch",
      ({ query, key }) => (query!.ge(key!) ? key!.ge(3) : key!.lt(4)),
      "computes \\(key <= query\\).*branch",
    ],
    ["&&", ({ query, key }) => query!.lt(key!) && key!.lt(5), "computes \\(query < key\\)"],
    ["an operator", ({ query, key }) => (query as never) - (key as never) > 0, "query has no value"],
    ["a comparison", ({ query, key }) => query! > key!, "query has no value"],
    ["a text", ({ query }) => `${query!.add(1)}`, "\\(query \\+ 1\\) has no value"],
    ["no result", () => undefined, "a traced value for the result of maskMod, received undefined"],
    ["a number", () => 1, "received 1"],
    [
      "an int32",
      ({ query }) => query!.add(2),
      "a bool for the result of maskMod, received int32 \\(query \\+ 2\\)",
    ],
    [
      "a bool as a number",
      ({ query, key }) => query!.lt(key!).add(1),
      "numbers for add, received the bool \\(query < key\\)",
    ],
    [
      "a number as a bool",
      ({ query, key }) => query!.lt(key!).and(key as never),
      "a bool for and, received int32 key",
    ],
    ["a text as an operand", ({ key }) => key!.lt("5" as never), 'a traced value for lt, received "5"'],
    ["an operand that is nothing", ({ key }) => key!.lt(null as never), "received null"],
    [
      "a number out of range",
      ({ key }) => key!.lt(2 ** 31),
      "an integer between.*for lt, received 2147483648",
    ],
    [
      "too few indices",
      ({ row }) => ints.at(row!).eq(1),
      "2 indices for .at\\(\\) of a int32 tensor \\[4, 8\\], received 1",
    ],
    [
      "a float index",
      ({ row }) => ints.at(row!, row!.toFloat32()).eq(1),
      "int32 indices.*received float32 float32\\(row\\)",
    ],
    ["an index out of range", ({ row }) => ints.at(row!, 8).eq(1), "indices within.*received 8"],
    [
      "int64",
      ({ row }) => fakeTensor([4], "int64").at(row!).eq(1),
      "a tensor of int32, uint8.*received a int64 tensor",
    ],
    ["an empty tensor", ({ row }) => fakeTensor([0]).at(row!).eq(1), "of 1 to 2\\^31 - 1 elements"],
    [
      "a huge tensor",
      ({ row }) =>
        fakeTensor([2 ** 16, 2 ** 16])
          .at(row!, row!)
          .eq(1),
      "of 1 to 2\\^31 - 1 elements",
    ],
    [
      "gaps",
      ({ row }) => fakeTensor([4], "int32", { contiguous: false }).at(row!).eq(1),
      "a contiguous tensor",
    ],
  ])("%s", (_, mask, ...words) => {
    expect(() => maskText(mask)).toThrow(coded("ERR_FLEX_TRACE", ...words));
  });

  it("a value of another trace", () => {
    let other: FlexValue | undefined;
    maskText(({ key }: At) => {
      other = key!.add(5);
      return true;
    });
    expect(() => maskText(({ key }: At) => key!.lt(other!))).toThrow(
      coded("ERR_FLEX_TRACE", "received \\(key \\+ 5\\) of another"),
    );
    expect(() => other!.add(1)).toThrow(coded("ERR_FLEX_TRACE", "another"));
    expect(() => ints.at(0, 0)).toThrow(coded("ERR_FLEX_TRACE", "within a traced function"));
  });

  it("an error of the function's own, which becomes the cause", () => {
    const cause = new Error("mine");
    const thrown = () =>
      maskText(() => {
        throw cause;
      });
    expect(thrown).toThrow(coded("ERR_FLEX_TRACE", "maskMod threw"));
    expect(thrown).toThrow(expect.objectContaining({ cause }));
    expect(maskText(flex.causal)).toBe("key <= query"); // the next trace is not hindered
  });

  it.each([
    () => flex.slidingWindow(0),
    () => flex.dilatedWindow(4, 1.5),
    () => flex.softCap("3" as never),
    () => flex.and(),
    () => flex.or(flex.causal, null as never),
    () => flex.not(3 as never),
    () => flex.chain(),
  ])("an argument of the library: %s", (call) => {
    expect(call).toThrow(coded("ERR_INVALID_ARGUMENT"));
  });
});

describe("the kernels", () => {
  const header = readFileSync(new URL("../../../kernels/hip/flex_operations.h", import.meta.url), "utf8");

  it("number operations as programs do", () => {
    const [, list] = /#define FLEX_OPERATIONS\(OPERATION, SELECT\)([^#]+)\n\n/.exec(header)!;
    const names = [...list!.matchAll(/(?:OPERATION|SELECT)\((\w+) ?\)/g)].map(([, name]) => name);
    expect(names).toEqual(OPERATION_NAMES);
  });

  it("find the inputs of rows in the order of programs", () => {
    const program = readFileSync(new URL("../../../kernels/hip/flex_program.h", import.meta.url), "utf8");
    const [, members] = /struct RowInputs \{([^}]+)\}/.exec(program)!;
    const names = [...members!.matchAll(/int (\w+);/g)].map(([, name]) =>
      name!.replace(/_(\w)/, (_, letter) => letter.toUpperCase()),
    );
    expect(names).toEqual(INPUT_NAMES.slice(0, -2));
  });
});
