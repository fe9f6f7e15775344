import type { Attend, LanguageModel, Step } from "./model.js";
import type { Row, Scheduler, Sequence } from "./scheduler.js";

/** The attention of every layer, with the sequences' keys and values. */
export interface StepAttention {
  /** Announces a step; its `attend` calls follow, layer by layer. */
  begin(rows: readonly Row[]): Promise<void>;
  readonly attend: Attend;
  /** The step has run: what it has written of prompts may be shared. */
  end(rows: readonly Row[]): void;
  /** The sequence is complete: its keys and values may go. */
  release(sequence: Sequence): void;
}

export interface GenerateOptions {
  /** Called with every new byte as it is sampled. */
  onByte?: (sequence: Sequence, byte: number) => void;
  /** Ends the generation before the next step. */
  signal?: AbortSignal;
}

export interface Generated {
  readonly steps: number;
  /** Bytes sampled. */
  readonly tokens: number;
}

/** Writes the scheduler's sequences to their ends, step by step. */
export async function generate(
  model: LanguageModel,
  attention: StepAttention,
  scheduler: Scheduler,
  { onByte, signal }: GenerateOptions = {},
): Promise<Generated> {
  let steps = 0;
  let tokens = 0;
  for (let rows = scheduler.next(); rows.length > 0 && !signal?.aborted; rows = scheduler.next()) {
    await attention.begin(rows);
    const logits = await model.forward(stepOf(rows), attention.attend);
    const completing = rows.filter((row) => row.completes);
    attention.end(rows);
    const sampled = new Map(completing.map(({ sequence }, i) => [sequence, sequence.sample(logits[i]!)]));
    for (const sequence of scheduler.advance(rows, sampled)) attention.release(sequence);
    for (const [sequence, byte] of sampled) onByte?.(sequence, byte);
    steps++;
    tokens += sampled.size;
  }
  return { steps, tokens };
}

/** The rows' tokens and positions, one row after the other. */
function stepOf(rows: readonly Row[]): Step {
  const tokens: number[] = [];
  const positions: number[] = [];
  const logitsAt: number[] = [];
  for (const { sequence, queryLength, completes } of rows) {
    for (let position = sequence.cached; position < sequence.cached + queryLength; position++) {
      tokens.push(sequence.bytes[position]!);
      positions.push(position);
    }
    if (completes) logitsAt.push(tokens.length - 1);
  }
  return { tokens: Uint8Array.from(tokens), positions: Int32Array.from(positions), logitsAt };
}
