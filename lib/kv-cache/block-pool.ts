import { createHash } from "node:crypto";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import type { BlockCopy } from "./cache.js";

/** What a program calls a sequence by. */
export type SequenceId = string | number;

/** What a step needs to know of its sequences: the input of `batch.update`. */
export interface BatchInput {
  /** int32 [sequences + 1]: where each sequence's query tokens begin. */
  readonly queryStartLoc: Int32Array;
  /** int32 [sequences]: tokens in the cache when the step has been written, context + query. */
  readonly seqLens: Int32Array;
  /** The block ids of each sequence, first to last. */
  readonly blockTable: readonly Int32Array[];
}

interface Sequence {
  /** Tokens that have a place. */
  length: number;
  readonly blocks: number[];
}

/**
 * Hands out the blocks of a KV cache to sequences. Blocks can be shared (`fork`, prefix hits) and are then copied before
 * they are written to. The pool knows nothing of devices: it says what to do.
 */
export class BlockPool {
  readonly numBlocks: number;
  readonly blockSize: number;
  readonly #sequences = new Map<SequenceId, Sequence>();
  readonly #references: Int32Array;
  /** Free blocks without contents worth keeping; the last one is handed out next. */
  readonly #free: number[];
  /** Free blocks whose contents may be found again, least recently used first. */
  readonly #cached = new Map<number, string>();
  readonly #byHash = new Map<string, number>();
  readonly #hashes = new Map<number, string>();

  constructor(options: { numBlocks: number; blockSize?: number }) {
    const { numBlocks, blockSize = 16 } = options ?? {};
    for (const [name, value] of Object.entries({ numBlocks, blockSize })) {
      if (!Number.isSafeInteger(value) || value < 1 || value >= 2 ** 31) {
        throw invalidArgument(name, "an integer between 1 and 2^31 - 1", value);
      }
    }
    this.numBlocks = numBlocks;
    this.blockSize = blockSize;
    this.#references = new Int32Array(numBlocks);
    this.#free = Array.from({ length: numBlocks }, (_, i) => numBlocks - 1 - i);
  }

  /** Blocks that `append` could hand out now. */
  get freeBlocks(): number {
    return this.#free.length + this.#cached.size;
  }

  /** Tokens that a sequence has places for; 0 for an unknown one. */
  length(id: SequenceId): number {
    return this.#sequences.get(id)?.length ?? 0;
  }

  /**
   * Gives `numTokens` more tokens of a sequence (a new one, if its id is new) a place. All or nothing: ERR_OUT_OF_BLOCKS
   * leaves the pool as it was. Returns the copies to run before the tokens are written: of a shared block that they go to.
   */
  append(id: SequenceId, numTokens: number): BlockCopy[] {
    checkId(id);
    if (!Number.isSafeInteger(numTokens) || numTokens < 0) {
      throw invalidArgument("numTokens", "an integer >= 0", numTokens);
    }
    const sequence = this.#sequences.get(id) ?? { length: 0, blocks: [] };
    const needed = Math.ceil((sequence.length + numTokens) / this.blockSize) - sequence.blocks.length;
    const last = sequence.blocks.at(-1);
    const writesLast = numTokens > 0 && sequence.length % this.blockSize !== 0;
    const shared = writesLast && this.#references[last!]! > 1;
    if (needed + Number(shared) > this.freeBlocks) {
      throw new RocmAttentionError(
        "ERR_OUT_OF_BLOCKS",
        `${numTokens} more tokens of sequence ${id} need ${needed + Number(shared)} blocks of ${this.blockSize} tokens, ` +
          `${this.freeBlocks} of ${this.numBlocks} are free: free or truncate sequences, or make a larger pool`,
      );
    }
    this.#sequences.set(id, sequence);
    const copies: BlockCopy[] = [];
    if (shared) {
      const to = this.#take();
      copies.push({ from: last!, to });
      this.#release(last!);
      sequence.blocks[sequence.blocks.length - 1] = to;
    } else if (writesLast) {
      this.#forget(last!); // its contents change
    }
    for (let i = 0; i < needed; i++) sequence.blocks.push(this.#take());
    sequence.length += numTokens;
    return copies;
  }

  /** Makes a new sequence with the same tokens; the two share their blocks until one of them grows. */
  fork(from: SequenceId, to: SequenceId): void {
    checkId(to);
    const source = this.#known(from);
    if (this.#sequences.has(to)) throw invalidArgument("to", "the id of no sequence", to);
    for (const block of source.blocks) this.#references[block]!++;
    this.#sequences.set(to, { length: source.length, blocks: [...source.blocks] });
  }

  /** Drops a sequence's last tokens, so that `length` remain. */
  truncate(id: SequenceId, length: number): void {
    const sequence = this.#known(id);
    if (!Number.isSafeInteger(length) || length < 0 || length > sequence.length) {
      throw invalidArgument("length", `an integer between 0 and ${sequence.length}`, length);
    }
    sequence.length = length;
    const kept = Math.ceil(length / this.blockSize);
    while (sequence.blocks.length > kept) this.#release(sequence.blocks.pop()!);
  }

  /** Ends a sequence; blocks that nobody else has become free. */
  free(id: SequenceId): void {
    const { blocks } = this.#known(id);
    this.#sequences.delete(id);
    while (blocks.length > 0) this.#release(blocks.pop()!);
  }

  /**
   * Begins sequence `id` with the longest prefix of `tokenIds` whose blocks are still in the cache, and returns its length:
   * a multiple of the block size, less than all tokens, so that the last one is still computed.
   */
  match(id: SequenceId, tokenIds: ArrayLike<number>): number {
    checkId(id);
    if (this.#sequences.has(id)) throw invalidArgument("id", "the id of no sequence", id);
    const blocks: number[] = [];
    for (const hash of this.#prefixHashes(tokenIds, Math.max(0, tokenIds.length - 1))) {
      const block = this.#byHash.get(hash);
      if (block === undefined) break;
      blocks.push(block);
    }
    for (const block of blocks) {
      if (this.#references[block]!++ === 0) this.#cached.delete(block);
    }
    this.#sequences.set(id, { length: blocks.length * this.blockSize, blocks });
    return blocks.length * this.blockSize;
  }

  /** Notes what a sequence's full blocks hold, once their tokens have been written, so that `match` finds them. */
  commit(id: SequenceId, tokenIds: ArrayLike<number>): void {
    const sequence = this.#known(id);
    if (tokenIds.length > sequence.length) {
      throw invalidArgument("tokenIds", `at most the sequence's ${sequence.length} tokens`, tokenIds.length);
    }
    for (const [index, hash] of this.#prefixHashes(tokenIds, tokenIds.length).entries()) {
      const block = sequence.blocks[index]!;
      if (this.#byHash.has(hash) || this.#hashes.has(block)) continue;
      this.#byHash.set(hash, block);
      this.#hashes.set(block, hash);
    }
  }

  /** The metadata of a step in which each sequence's last `queryLength` tokens are computed. */
  batch(rows: readonly { id: SequenceId; queryLength: number }[]): BatchInput {
    const queryStartLoc = new Int32Array(rows.length + 1);
    const seqLens = new Int32Array(rows.length);
    const blockTable = rows.map(({ id, queryLength }, row) => {
      const { length, blocks } = this.#known(id);
      if (!Number.isSafeInteger(queryLength) || queryLength < 0 || queryLength > length) {
        throw invalidArgument(`rows[${row}].queryLength`, `an integer between 0 and ${length}`, queryLength);
      }
      queryStartLoc[row + 1] = queryStartLoc[row]! + queryLength;
      seqLens[row] = length;
      return Int32Array.from(blocks);
    });
    return { queryStartLoc, seqLens, blockTable };
  }

  #known(id: SequenceId): Sequence {
    const sequence = this.#sequences.get(id);
    if (sequence === undefined) throw invalidArgument("id", "the id of a sequence of this pool", id);
    return sequence;
  }

  #take(): number {
    let block = this.#free.pop();
    if (block === undefined) {
      block = this.#cached.keys().next().value!;
      this.#cached.delete(block);
      this.#forget(block);
    }
    this.#references[block] = 1;
    return block;
  }

  #release(block: number): void {
    if (--this.#references[block]! > 0) return;
    const hash = this.#hashes.get(block);
    if (hash === undefined) this.#free.push(block);
    else this.#cached.set(block, hash);
  }

  /** The block's contents are not what its hash says any more. */
  #forget(block: number): void {
    const hash = this.#hashes.get(block);
    if (hash === undefined) return;
    this.#hashes.delete(block);
    this.#byHash.delete(hash);
  }

  /** A hash for every full block within the first `length` tokens, each of all tokens up to the block's end. */
  #prefixHashes(tokenIds: ArrayLike<number>, length: number): string[] {
    const hashes: string[] = [];
    let before = "";
    for (let end = this.blockSize; end <= length; end += this.blockSize) {
      const tokens = Float64Array.from(
        { length: this.blockSize },
        (_, i) => tokenIds[end - this.blockSize + i]!,
      );
      before = createHash("sha256").update(before).update(tokens).digest("base64");
      hashes.push(before);
    }
    return hashes;
  }
}

function checkId(id: unknown): void {
  if (typeof id !== "string" && typeof id !== "number")
    throw invalidArgument("id", "a string or a number", id);
}
