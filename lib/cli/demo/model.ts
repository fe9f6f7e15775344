import { readFileSync } from "node:fs";
import { toBfloat16 } from "../../dtype.js";
import { invalidArgument, RocmAttentionError } from "../../errors.js";
import { add, linear, type Matrix, rmsNorm, rotate, swiGlu } from "./linear.js";
import { parseSafetensors, type Safetensors } from "./safetensors.js";

const HEAD_SIZE = 128;

export interface ModelConfig {
  readonly layers: number;
  readonly numHeads: number;
  readonly numKvHeads: number;
  readonly headSize: number;
}

/** The tokens of one step: every sequence's new tokens, one sequence after the other. */
export interface Step {
  /** [tokens]: bytes. */
  readonly tokens: Uint8Array;
  /** [tokens]: each token's position in its own sequence. */
  readonly positions: Int32Array;
  /** Rows of `tokens` whose next byte is wanted. */
  readonly logitsAt: readonly number[];
}

/**
 * One layer's attention over the step's tokens and everything before them in their sequences. All are bfloat16:
 * query and the result [tokens, numHeads, headSize], key and value [tokens, numKvHeads, headSize].
 */
export type Attend = (
  layer: number,
  query: Uint16Array,
  key: Uint16Array,
  value: Uint16Array,
) => Promise<Uint16Array>;

interface Layer {
  readonly attentionNorm: Float32Array;
  readonly query: Matrix;
  readonly key: Matrix;
  readonly value: Matrix;
  readonly output: Matrix;
  readonly mlpNorm: Float32Array;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

/**
 * A small byte-level language model of Llama's design, in float32 on the CPU, all but its attention: RMSNorm, RoPE,
 * grouped-query attention, SwiGLU, an embedding that is also the output layer.
 */
export class LanguageModel {
  readonly config: ModelConfig;
  readonly #embedding: Matrix;
  readonly #layers: readonly Layer[];
  readonly #norm: Float32Array;

  /** Reads a safetensors file whose matrices are int8 rows with a float32 scale each. */
  static load(path: string): LanguageModel {
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(path);
    } catch (cause) {
      throw new RocmAttentionError("ERR_INVALID_ARGUMENT", `cannot read the model ${path}`, { cause });
    }
    return new LanguageModel(parseSafetensors(bytes, path));
  }

  private constructor(file: Safetensors) {
    if (file.metadata.kind !== "gqa")
      throw invalidArgument("model", "a model of kind gqa", file.metadata.kind);
    const layers = Number(file.metadata.layers);
    this.#embedding = matrix(file, "embed.weight");
    this.#norm = vector(file, "norm.w");
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const name = (part: string) => `blocks.${layer}.${part}`;
      return {
        attentionNorm: vector(file, name("attn_norm.w")),
        query: matrix(file, name("attn.q.weight")),
        key: matrix(file, name("attn.k.weight")),
        value: matrix(file, name("attn.v.weight")),
        output: matrix(file, name("attn.o.weight")),
        mlpNorm: vector(file, name("mlp_norm.w")),
        gate: matrix(file, name("gate.weight")),
        up: matrix(file, name("up.weight")),
        down: matrix(file, name("down.weight")),
      };
    });
    const first = this.#layers[0];
    if (first === undefined) throw invalidArgument("model", "at least one layer", layers);
    this.config = {
      layers,
      numHeads: first.query.rows / HEAD_SIZE,
      numKvHeads: first.key.rows / HEAD_SIZE,
      headSize: HEAD_SIZE,
    };
  }

  /** Runs one step through all layers and returns the 256 logits of each row in `step.logitsAt`. */
  async forward(step: Step, attend: Attend): Promise<Float32Array[]> {
    const { numHeads, numKvHeads, headSize } = this.config;
    const hidden = this.#embed(step.tokens);
    for (const [index, layer] of this.#layers.entries()) {
      const normed = rmsNorm(hidden, layer.attentionNorm);
      const query = linear(normed, layer.query);
      const key = linear(normed, layer.key);
      rotate(query, step.positions, numHeads, headSize);
      rotate(key, step.positions, numKvHeads, headSize);
      const value = linear(normed, layer.value);
      const attended = await attend(
        index,
        roundToBfloat16(query),
        roundToBfloat16(key),
        roundToBfloat16(value),
      );
      add(hidden, linear(widenBfloat16(attended), layer.output));

      const mlpInput = rmsNorm(hidden, layer.mlpNorm);
      add(hidden, linear(swiGlu(linear(mlpInput, layer.gate), linear(mlpInput, layer.up)), layer.down));
    }
    const size = this.#embedding.columns;
    return step.logitsAt.map((row) =>
      linear(rmsNorm(hidden.subarray(row * size, (row + 1) * size), this.#norm), this.#embedding),
    );
  }

  #embed(tokens: Uint8Array): Float32Array {
    const { columns, values } = this.#embedding;
    const hidden = new Float32Array(tokens.length * columns);
    tokens.forEach((token, row) => {
      hidden.set(values.subarray(token * columns, (token + 1) * columns), row * columns);
    });
    return hidden;
  }
}

/** Rounds every element to bfloat16. */
export function roundToBfloat16(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, toBfloat16);
}

/** The float32 values of bfloat16 elements. */
export function widenBfloat16(elements: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(elements, (element) => element << 16).buffer);
}

function stored(file: Safetensors, name: string, dtype: string, dimensions: number) {
  const tensor = file.tensors.get(name);
  if (tensor?.dtype !== dtype || tensor.shape.length !== dimensions) {
    throw invalidArgument(
      "model",
      `a tensor ${name} of ${dtype} with ${dimensions} dimensions`,
      tensor?.dtype,
    );
  }
  return tensor;
}

function vector(file: Safetensors, name: string): Float32Array {
  // The file's tensors need not be aligned to their elements, so they are copied.
  return new Float32Array(Uint8Array.from(stored(file, name, "F32", 1).bytes).buffer);
}

/** Widens an int8 matrix to float32 once: weight = int8 * the row's scale. */
function matrix(file: Safetensors, name: string): Matrix {
  const { shape, bytes } = stored(file, name, "I8", 2);
  const [rows, columns] = shape as [number, number];
  const scales = vector(file, `${name}.scale`);
  if (rows % 4 !== 0 || scales.length !== rows) {
    throw invalidArgument("model", `a multiple of 4 rows and a scale for each in ${name}`, rows);
  }
  const quantised = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < values.length; i++) values[i] = quantised[i]! * scales[Math.floor(i / columns)]!;
  return { rows, columns, values };
}
