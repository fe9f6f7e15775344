import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RocmAttentionError } from "../../../lib/errors.js";
import { Evaluator } from "../../../lib/flex/evaluate.js";
import { KEY_REGISTERS, type Program, ROW_REGISTERS } from "../../../lib/flex/program.js";
import { type FlexTexts, programOf, type ScoreMod, traceFunctions } from "../../../lib/flex/trace.js";
import type { FlexValue } from "../../../lib/flex/value.js";
import { coded } from "../../support/coded.js";
import { expressions } from "../../support/flex-expressions.js";
import { TABLES } from "../../support/flex-tables.js";
import { fakeTensor } from "../../support/flex-tensors.js";

const tables = TABLES.map(({ shape, dtype }) => fakeTensor(shape, dtype));
const read = (tensors: readonly unknown[]) => (tensor: number, element: number) =>
  TABLES[tables.findIndex(({ dtype }) => dtype === (tensors[tensor] as { dtype: string }).dtype)]!.values[
    element
  ]!;

const position = fc.record({
  row: fc.nat(5),
  head: fc.nat(9),
  kvHead: fc.nat(3),
  contextLength: fc.nat(50),
  query: fc.nat(60),
  key: fc.nat(60),
});

function program(scoreMod: ScoreMod) {
  return programOf(traceFunctions({ scoreMod }));
}

/** The program of functions; drawn again where it needs more registers than there are. */
function fitting(trace: () => FlexTexts): Program {
  try {
    return programOf(trace());
  } catch (error) {
    if (error instanceof RocmAttentionError && error.message.includes("at a time")) fc.pre(false);
    throw error;
  }
}

describe("a program on the host", () => {
  it("computes what its functions say, for random ones", () => {
    fc.assert(
      fc.property(
        expressions("score").float,
        expressions("mask").bool,
        fc.array(fc.tuple(position, fc.double({ min: -9, max: 9, noNaN: true })), {
          minLength: 1,
          maxLength: 9,
        }),
        (score, mask, places) => {
          const traced = fitting(() =>
            traceFunctions({
              scoreMod: (given, at) => score.trace({ ...at, score: given, tensors: tables }),
              maskMod: (at) => mask.trace({ ...at, tensors: tables }),
            }),
          );
          const evaluator = new Evaluator(traced, read(traced.tensors));
          for (const [at, given] of places) {
            evaluator.beginRow({ ...at, key: -1 });
            expect(evaluator.sees(at)).toBe(mask.compute({ ...at, score: Number.NaN }) === 1);
            expect(evaluator.score(at, given)).toBeCloseTo(score.compute({ ...at, score: given }), 4);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("computes equal expressions once", () => {
    const { score } = program((given, { query, key }) => given.add(query.sub(key)).mul(query.sub(key)));
    expect(score.placed.filter(({ node }) => node.operation === "sub_i32")).toHaveLength(1);
  });

  it("computes what does not depend on the key once a row", () => {
    const { row, score } = program((given, { query, head, key }) =>
      given.mul(query.mul(head).add(7)).add(key),
    );
    expect(row.placed.map(({ node }) => node.operation ?? node.input)).toContain("mul_i32");
    expect(score.placed.map(({ node }) => node.operation)).not.toContain("mul_i32");
  });

  it("computes what depends on nothing when it is traced, rounded as on the device", () => {
    const { score } = program((given, { row }) =>
      given.mul(row.sub(row).add(1)).add(row.toFloat32().sub(row).exp()),
    );
    expect(score.placed.length).toBeLessThan(9);
    const folded = programOf(
      traceFunctions({
        maskMod: ({ key }) =>
          key.ge(
            key
              .sub(key)
              .add(2 ** 31 - 1)
              .add(1),
          ),
      }),
    );
    expect(folded.mask.root!.operation).toBe("le_i32");
  });

  it("needs registers for values that wait, not for the length of the program", () => {
    const sum = (terms: FlexValue[]) => terms.reduce((one, other) => one.add(other));
    const long: ScoreMod = (given, { key }) =>
      sum(Array.from({ length: 1000 }, (_, i) => given.mul(key.add(i))));
    expect(program(long).score.placed.length).toBeGreaterThan(2000);
    let deep = (given: FlexValue) => given;
    for (let i = 0; i < 800; i++)
      deep = (
        (inner) => (given: FlexValue) =>
          inner(given).mul(1.5).add(i)
      )(deep);
    expect(program(deep).score.placed.length).toBeGreaterThan(1500);
  });

  it.each([
    [KEY_REGISTERS, "values of a key", (given: FlexValue, key: FlexValue) => given.mul(key.toFloat32())],
    [
      ROW_REGISTERS,
      "values of a row",
      (_: FlexValue, __: FlexValue, head: FlexValue) => head.toFloat32().exp(),
    ],
  ] as const)("is refused where more than %i %s wait at once", (count, words, of) => {
    const wide: ScoreMod = (given, { key, head }) => {
      const terms = Array.from({ length: 40 }, (_, i) => of(given.add(i + 0.5), key.add(i), head.add(i)));
      const once = terms.reduce((one, other) => one.add(given.mul(other)));
      return terms.reduce((one, other) => one.mul(other), once.exp());
    };
    expect(() => program(wide)).toThrow(coded("ERR_FLEX_TRACE", `at most ${count} ${words}`));
  });
});
