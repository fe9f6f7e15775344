/** @import { Sampler } from "../../dist/cli/demo/sampler.js" */

/** Tokens of a block of the cache. */
export const BLOCK_SIZE = 16;

/**
 * A request: its tokens (bytes, for this model), as many as it is to have in the end, and how many the cache holds.
 * @typedef {object} Sequence
 * @property {number} id
 * @property {number[]} tokens
 * @property {number} promptLength
 * @property {number} length
 * @property {Sampler} sample
 * @property {number} cached
 * @property {boolean} cancelled
 * @property {ReadableStreamDefaultController<number>} output
 */

/**
 * A part of a step: the next `queryLength` tokens of a sequence.
 * @typedef {{ sequence: Sequence, queryLength: number }} Row
 */

/**
 * Tokens that have not been through the model.
 * @param {Sequence} sequence
 */
export function pending({ tokens, cached }) {
  return tokens.length - cached;
}

/**
 * The tokens of whole blocks that a sequence could take over from another, which still has to write them.
 * @param {Sequence} sequence
 * @param {Sequence} other
 */
export function sharedLength(sequence, other) {
  const most = Math.min(sequence.tokens.length - 1, other.tokens.length);
  let length = 0;
  while (length < most && sequence.tokens[length] === other.tokens[length]) length++;
  return length - (length % BLOCK_SIZE);
}

/**
 * The tokens of a step, row by row, with their positions.
 * @param {Row[]} rows
 */
export function modelStep(rows) {
  const tokens = rows.flatMap(({ sequence, queryLength }) =>
    sequence.tokens.slice(sequence.cached, sequence.cached + queryLength),
  );
  const positions = rows.flatMap(({ sequence, queryLength }) =>
    Array.from({ length: queryLength }, (_, index) => sequence.cached + index),
  );
  const logitsAt = [];
  let end = 0;
  for (const { sequence, queryLength } of rows) {
    end += queryLength;
    if (queryLength === pending(sequence)) logitsAt.push(end - 1);
  }
  return { tokens: Uint8Array.from(tokens), positions: Int32Array.from(positions), logitsAt };
}
