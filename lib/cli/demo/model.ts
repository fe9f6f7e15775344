import { readFileSync } from "node:fs";
import { invalidArgument, RocmAttentionError } from "../../errors.js";
import { bfloat16 } from "../../index.js";
import type { AttentionInputs, AttentionPart } from "./attention-part.js";
import { GroupedAttention } from "./grouped-attention.js";
import { LatentAttention } from "./latent-attention.js";
import { add, linear, type Matrix, rmsNorm, swiGlu } from "./linear.js";
import { parseSafetensors, type Safetensors } from "./safetensors.js";
import { storedMatrix, storedVector } from "./weights.js";

/** The kinds of attention that models have, as their files name them. */
const ATTENTIONS: Readonly<Record<string, new (file: Safetensors, layers: number) => AttentionPart>> = {
  gqa: GroupedAttention,
  mla: LatentAttention,
};

/** The tokens of one step: every sequence's new tokens, one sequence after the other. */
export interface Step {
  /** [tokens]: bytes. */
  readonly tokens: Uint8Array;
  /** [tokens]: each token's position in its own sequence. */
  readonly positions: Int32Array;
  /** Rows of `tokens` whose next byte is wanted. */
  readonly logitsAt: readonly number[];
}

/** One layer's attention over the step's tokens and everything before them in their sequences: [tokens, heads, size] in bfloat16. */
export type Attend = (layer: number, inputs: AttentionInputs) => Promise<Uint16Array>;

interface Layer {
  readonly attentionNorm: Float32Array;
  readonly output: Matrix;
  readonly mlpNorm: Float32Array;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

/**
 * A small byte-level language model of Llama's design, in float32 on the CPU, all but its attention: RMSNorm, RoPE,
 * grouped-query or latent attention, SwiGLU, an embedding that is also the output layer.
 */
export class LanguageModel {
  readonly attention: AttentionPart;
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
    const { kind = "" } = file.metadata;
    const Part = Object.hasOwn(ATTENTIONS, kind) ? ATTENTIONS[kind] : undefined;
    if (Part === undefined)
      throw invalidArgument("model", `a model of kind ${Object.keys(ATTENTIONS)}`, kind);
    const layers = Number(file.metadata.layers);
    if (!(layers >= 1)) throw invalidArgument("model", "at least one layer", layers);
    this.attention = new Part(file, layers);
    this.#embedding = storedMatrix(file, "embed.weight");
    this.#norm = storedVector(file, "norm.w");
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const name = (part: string) => `blocks.${layer}.${part}`;
      return {
        attentionNorm: storedVector(file, name("attn_norm.w")),
        output: storedMatrix(file, name("attn.o.weight")),
        mlpNorm: storedVector(file, name("mlp_norm.w")),
        gate: storedMatrix(file, name("gate.weight")),
        up: storedMatrix(file, name("up.weight")),
        down: storedMatrix(file, name("down.weight")),
      };
    });
  }

  /** Runs one step through all layers and returns the 256 logits of each row in `step.logitsAt`. */
  async forward(step: Step, attend: Attend): Promise<Float32Array[]> {
    const hidden = this.#embed(step.tokens);
    for (const [index, layer] of this.#layers.entries()) {
      const normed = rmsNorm(hidden, layer.attentionNorm);
      const attended = await attend(index, this.attention.project(index, normed, step.positions));
      add(hidden, linear(bfloat16.decode(attended), layer.output));

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
