import type { StepAttention } from "../../lib/cli/demo/generate.js";
import type { GroupedAttention } from "../../lib/cli/demo/grouped-attention.js";
import type { Attend } from "../../lib/cli/demo/model.js";
import type { Row, Sequence } from "../../lib/cli/demo/scheduler.js";
import { attendOne, vector } from "../../lib/cli/reference.js";
import { toBfloat16 } from "../../lib/dtype.js";

/**
 * Causal grouped-query attention on the CPU with float64 sums over growing lists of bfloat16 keys and values: what
 * the demo's model gets instead of a device where a test is about the model alone.
 */
export class CpuAttention implements StepAttention {
  readonly #part: GroupedAttention;
  readonly #keys = new Map<string, Float64Array[]>();
  readonly #values = new Map<string, Float64Array[]>();
  #rows: readonly Row[] = [];
  /** Row counts of every step, for tests that look at the batches. */
  readonly batches: number[][] = [];

  constructor(part: GroupedAttention) {
    this.#part = part;
  }

  async begin(rows: readonly Row[]) {
    this.#rows = rows;
    this.batches.push(rows.map((row) => row.queryLength));
  }

  end() {}

  readonly attend: Attend = async (layer, inputs) => {
    const { query, key, value } = inputs as Record<"query" | "key" | "value", Uint16Array>;
    const { numHeads, numKvHeads, valueSize: headSize } = this.#part;
    const output = new Uint16Array(query.length);
    let token = 0;
    for (const { sequence, queryLength } of this.#rows) {
      for (const end = token + queryLength; token < end; token++) {
        for (let head = 0; head < numKvHeads; head++) {
          const list = `${sequence.id} ${layer} ${head}`;
          append(this.#keys, list, vector(key, token * numKvHeads + head, headSize));
          append(this.#values, list, vector(value, token * numKvHeads + head, headSize));
        }
        for (let head = 0; head < numHeads; head++) {
          const list = `${sequence.id} ${layer} ${Math.floor((head * numKvHeads) / numHeads)}`;
          const index = token * numHeads + head;
          const attended = attendOne(
            vector(query, index, headSize),
            this.#keys.get(list)!,
            this.#values.get(list)!,
          );
          output.set(Uint16Array.from(attended, toBfloat16), index * headSize);
        }
      }
    }
    return output;
  };

  release(sequence: Sequence) {
    for (const lists of [this.#keys, this.#values]) {
      for (const name of lists.keys()) if (name.startsWith(`${sequence.id} `)) lists.delete(name);
    }
  }
}

function append(lists: Map<string, Float64Array[]>, name: string, item: Float64Array) {
  const list = lists.get(name);
  if (list) list.push(item);
  else lists.set(name, [item]);
}
