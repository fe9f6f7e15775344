import { Evaluator } from "../../lib/flex/evaluate.js";
import { programOf, traceFunctions } from "../../lib/flex/trace.js";
import { type AttentionConfig, type Device, flex, type Tensor } from "../../lib/index.js";
import { TABLES, type Table } from "./flex-tables.js";
import { round, type ScorePosition } from "./reference.js";

/** Puts tables on a device. */
export function uploadTables(device: Device, tables: readonly Table[] = TABLES): Promise<Tensor[]> {
  return Promise.all(
    tables.map(({ dtype, shape, values }) => {
      const data =
        dtype === "int32"
          ? Int32Array.from(values)
          : dtype === "uint8"
            ? Uint8Array.from(values)
            : round(dtype, values).bits;
      return device.upload(data, { shape, dtype });
    }),
  );
}

/**
 * Functions with what they make of a score on the host: the program's own evaluation. `values`: what the tensors hold that
 * they read.
 */
export function withReference(
  functions: Pick<AttentionConfig, "scoreMod" | "maskMod">,
  values: ReadonlyMap<unknown, readonly number[]>,
) {
  const program = programOf(traceFunctions({ maskMod: flex.causal, ...functions }));
  const evaluator = new Evaluator(
    program,
    (tensor, element) => values.get(program.tensors[tensor])![element]!,
  );
  const modify = (score: number, position: ScorePosition) => {
    evaluator.beginRow(position);
    return evaluator.sees(position) ? evaluator.score(position, score) : Number.NEGATIVE_INFINITY;
  };
  return { ...functions, modify };
}
