import { checkInteger, checkOptions, isArray } from "../arguments.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { metrics } from "../metrics.js";
import type { BlockCopy } from "./block-copies.js";
import { Int32List } from "./int32-list.js";
import {
  checkTokenIds,
  type ExtraKeys,
  type PrefixHash,
  prefixHash,
  rootHash,
  type TokenIds,
} from "./prefix-hash.js";

/** A program's name for a sequence. */
export type SequenceId = string | number;

/** The sequences of a step: the input of `batch.update`. */
export interface BatchInput {
  /** Tokens of a block. */
  readonly blockSize: number;
  /** int32 [sequences + 1]: where each sequence's query tokens begin. */
  readonly queryStartLoc: Int32Array;
  /** int32 [sequences]: tokens in the cache when the step has been written, context + query. */
  readonly seqLens: Int32Array;
  /** The block ids of each sequence, first to last. */
  readonly blockTable: readonly Int32Array[];
}

/** Counts of a pool since it was made. */
export interface PoolCounters {
  /** Blocks of prompts that `match` looked for: those that it could have given. */
  readonly queriedBlocks: number;
  /** Of these the blocks that it found. */
  readonly hitBlocks: number;
  /** Blocks whose contents might have been found again, and were given to other tokens. */
  readonly evictedBlocks: number;
}

const LARGEST = 2 ** 31 - 1;

interface Sequence {
  /** Tokens that have a place. */
  length: number;
  readonly blocks: Int32List;
  /** Of the blocks whose tokens are known, first to last, the hash of all tokens up to the block's end. */
  readonly hashes: string[];
  /** Where `hashes` begin: "" or that of the extra keys. */
  readonly root: string;
  /** The hash that `match` looked for in vain. */
  missed: PrefixHash | null;
}

/**
 * Hands out the blocks of a KV cache to sequences. Blocks can be shared (`fork`, prefix hits) and are then copied before
 * they are written to. The pool knows nothing of devices: it says what to do. Blocks that were never used cost nothing.
 */
export class BlockPool {
  /** All blocks, free or not. */
  readonly numBlocks: number;
  /** Tokens of a block. */
  readonly blockSize: number;
  readonly #sequences = new Map<SequenceId, Sequence>();
  /** By block: how many sequences have it. As long as blocks have ever been used, lowest first. */
  readonly #references = new Int32List();
  /** Used and free blocks without contents worth keeping; the last one is handed out next. */
  readonly #free = new Int32List();
  /** Free blocks whose contents may be found again, least recently used first. */
  readonly #cached = new Set<number>();
  readonly #byHash = new Map<string, number>();
  readonly #hashes = new Map<number, string>();
  #copies: BlockCopy[] = [];
  #queriedBlocks = 0;
  #hitBlocks = 0;
  #evictedBlocks = 0;

  constructor(options: { numBlocks: number; blockSize?: number }) {
    const { numBlocks, blockSize = 16 } = checkOptions(options, ["numBlocks", "blockSize"]);
    this.numBlocks = checkInteger(numBlocks, "numBlocks", 1, LARGEST);
    this.blockSize = checkInteger(blockSize, "blockSize", 1, LARGEST);
  }

  /** Blocks that `append` could hand out now. */
  get freeBlocks(): number {
    return this.numBlocks - this.#references.length + this.#free.length + this.#cached.size;
  }

  /** Counts since the pool was made. */
  get counters(): PoolCounters {
    return {
      queriedBlocks: this.#queriedBlocks,
      hitBlocks: this.#hitBlocks,
      evictedBlocks: this.#evictedBlocks,
    };
  }

  /** The block ids of a sequence, first to last. */
  blocks(id: SequenceId): Int32Array {
    return this.#known(id, "id").blocks.toArray();
  }

  /** Tokens that a sequence has places for; 0 for an unknown one. */
  length(id: SequenceId): number {
    return this.#sequences.get(checkId(id, "id"))?.length ?? 0;
  }

  /**
   * Gives `numTokens` more tokens of a sequence (a new one, if its id is new) a place. All or nothing: ERR_OUT_OF_BLOCKS
   * leaves the pool as it was. Where they go to a shared block, that must be copied first: see `takeCopies`.
   */
  append(id: SequenceId, numTokens: number): void {
    const sequence = this.#sequences.get(checkId(id, "id")) ?? emptySequence("");
    const { length, blocks } = sequence;
    checkInteger(numTokens, "numTokens", 0, LARGEST - length);
    const added = Math.ceil((length + numTokens) / this.blockSize) - blocks.length;
    const last = blocks.length - 1;
    const writesLast = numTokens > 0 && length % this.blockSize !== 0;
    const copies = writesLast && this.#references.at(blocks.at(last)) > 1;
    const needed = added + Number(copies);
    if (needed > this.freeBlocks) {
      throw new RocmAttentionError(
        "ERR_OUT_OF_BLOCKS",
        `${numTokens} more tokens of sequence ${id} need ${needed} blocks of ${this.blockSize} tokens, ` +
          `${this.freeBlocks} of ${this.numBlocks} are free: free or truncate sequences, or make a larger pool`,
      );
    }
    // So that nothing can fail halfway, nor when the blocks are given back.
    const unused = Math.max(0, needed - this.#free.length);
    blocks.reserve(added);
    this.#references.reserve(unused);
    this.#free.reserve(this.#references.length + unused - this.#free.length);
    this.#sequences.set(id, sequence);
    if (copies) {
      const from = blocks.at(last);
      const to = this.#take();
      this.#copies.push({ from, to });
      this.#release(from);
      blocks.set(last, to);
    } else if (writesLast) {
      this.#forget(blocks.at(last)); // its contents change
    }
    for (let i = 0; i < added; i++) blocks.push(this.#take());
    sequence.length += numTokens;
    if (needed > 0) this.#tellFree();
  }

  /**
   * The copies that `append` has made necessary since the last call. They run in this order, one after the other, before
   * anything else is written: `cache.copyBlocks(pool.takeCopies())`, for every cache that the pool's blocks are of.
   */
  takeCopies(): BlockCopy[] {
    const copies = this.#copies;
    this.#copies = [];
    return copies;
  }

  /**
   * Makes a new sequence with the same tokens, which have been written; the two share their blocks until one of them
   * grows. ERR_INVALID_ARGUMENT where `from` is no sequence, or `to` is one already.
   */
  fork(from: SequenceId, to: SequenceId): void {
    const { length, blocks, hashes, root, missed } = this.#known(from, "from");
    if (this.#sequences.has(checkId(to, "to")))
      throw invalidArgument("to", "an id that no sequence has yet", to);
    const copy = { length, blocks: blocks.copy(), hashes: [...hashes], root, missed };
    for (const block of blocks) this.#references.set(block, this.#references.at(block) + 1);
    this.#sequences.set(to, copy);
  }

  /** Drops a sequence's last tokens, so that `length` remain. ERR_INVALID_ARGUMENT for an unknown one, and for more than it has. */
  truncate(id: SequenceId, length: number): void {
    const sequence = this.#known(id, "id");
    sequence.length = checkInteger(length, "length", 0, sequence.length);
    const kept = Math.ceil(length / this.blockSize);
    while (sequence.blocks.length > kept) this.#release(sequence.blocks.pop()!);
    sequence.hashes.length = Math.min(sequence.hashes.length, Math.floor(length / this.blockSize));
    this.#tellFree();
  }

  /** Ends a sequence; blocks that no other sequence has become free. ERR_INVALID_ARGUMENT for an unknown one. */
  free(id: SequenceId): void {
    const { blocks } = this.#known(id, "id");
    this.#sequences.delete(id);
    while (blocks.length > 0) this.#release(blocks.pop()!);
    this.#tellFree();
  }

  /**
   * Begins sequence `id` with the longest prefix of `tokenIds` whose blocks are still in the cache, and returns its length:
   * a multiple of the block size, less than all tokens, so that the last one is still computed. Keys and values depend on
   * more than tokens where adapters are in use: sequences of other `extraKeys` (an adapter's id, a tenant's salt) share
   * nothing with this one. ERR_INVALID_ARGUMENT where there is a sequence `id`.
   */
  match(id: SequenceId, tokenIds: TokenIds, options?: { extraKeys?: ExtraKeys }): number {
    if (this.#sequences.has(checkId(id, "id")))
      throw invalidArgument("id", "an id that no sequence has yet", id);
    const tokens = checkTokenIds(tokenIds);
    const sequence = emptySequence(rootHash(checkOptions(options, ["extraKeys"]).extraKeys));
    for (let end = this.blockSize; end < tokens.length; end += this.blockSize) {
      const hash = prefixHash(sequence.hashes.at(-1) ?? sequence.root, tokens, sequence.length, end);
      const block = this.#byHash.get(hash.hash);
      if (block === undefined) {
        sequence.missed = hash;
        break;
      }
      sequence.blocks.push(block);
      sequence.hashes.push(hash.hash);
      sequence.length = end;
    }
    const queried = Math.max(0, Math.ceil(tokens.length / this.blockSize) - 1);
    const hits = sequence.blocks.length;
    this.#queriedBlocks += queried;
    this.#hitBlocks += hits;
    for (const block of sequence.blocks) {
      if (this.#references.at(block) === 0) this.#cached.delete(block);
      this.#references.set(block, this.#references.at(block) + 1);
    }
    this.#sequences.set(id, sequence);
    metrics?.({ name: "prefix", hits, queried });
    if (hits > 0) this.#tellFree();
    return sequence.length;
  }

  /**
   * Notes what a sequence's full blocks hold, once their tokens have been written, so that `match` finds them. `tokenIds`
   * are those of the sequence from its beginning; what has been noted before is not looked at again.
   */
  commit(id: SequenceId, tokenIds: TokenIds): void {
    const sequence = this.#known(id, "id");
    const { length, blocks, hashes, root } = sequence;
    const tokens = checkTokenIds(tokenIds, hashes.length * this.blockSize);
    if (tokens.length > length) {
      throw invalidArgument("tokenIds", `at most the sequence's ${length} tokens`, tokens.length);
    }
    while ((hashes.length + 1) * this.blockSize <= tokens.length) {
      const start = hashes.length * this.blockSize;
      const block = blocks.at(hashes.length);
      const end = start + this.blockSize;
      const { hash } = prefixHash(hashes.at(-1) ?? root, tokens, start, end, sequence.missed);
      sequence.missed = null;
      hashes.push(hash);
      if (this.#byHash.has(hash) || this.#hashes.has(block)) continue;
      this.#byHash.set(hash, block);
      this.#hashes.set(block, hash);
    }
  }

  /**
   * The metadata of a step in which each sequence's last `queryLength` tokens are computed. Refused while copies are
   * pending: the step would write to blocks whose contents they move.
   */
  batch(rows: readonly { id: SequenceId; queryLength: number }[]): BatchInput {
    if (!isArray(rows)) throw invalidArgument("rows", "an array of { id, queryLength }", rows);
    if (this.#copies.length > 0) {
      throw new RocmAttentionError(
        "ERR_INVALID_ARGUMENT",
        `${this.#copies.length} copies of shared blocks are pending: run cache.copyBlocks(pool.takeCopies()) before batch()`,
      );
    }
    const starts = [0];
    const lengths: number[] = [];
    const blockTable: Int32Array[] = [];
    const seen = new Set<unknown>();
    for (let row = 0; row < rows.length; row++) {
      const name = `rows[${row}]`;
      const { id, queryLength } = checkOptions(rows[row], ["id", "queryLength"], name);
      const { length, blocks } = this.#known(id, `${name}.id`);
      if (seen.has(id)) throw invalidArgument(`${name}.id`, "each sequence once", id);
      seen.add(id);
      const start = starts[row]!;
      const most = Math.min(length, LARGEST - start);
      starts.push(start + checkInteger(queryLength, `${name}.queryLength`, 0, most));
      lengths.push(length);
      blockTable.push(blocks.toArray());
    }
    const [queryStartLoc, seqLens] = [Int32Array.from(starts), Int32Array.from(lengths)];
    return { blockSize: this.blockSize, queryStartLoc, seqLens, blockTable };
  }

  #known(id: unknown, argument: string): Sequence {
    const sequence = this.#sequences.get(checkId(id, argument));
    if (sequence === undefined) throw invalidArgument(argument, "the id of a sequence of this pool", id);
    return sequence;
  }

  #take(): number {
    let block = this.#free.pop();
    if (block === undefined && this.#references.length < this.numBlocks) {
      block = this.#references.length;
      this.#references.push(0);
    }
    if (block === undefined) {
      block = this.#cached.values().next().value!;
      this.#cached.delete(block);
      this.#forget(block);
      this.#evictedBlocks++;
      metrics?.({ name: "evictions", blocks: 1 });
    }
    this.#references.set(block, 1);
    return block;
  }

  #release(block: number): void {
    const references = this.#references.at(block) - 1;
    this.#references.set(block, references);
    if (references > 0) return;
    if (this.#hashes.has(block)) this.#cached.add(block);
    else this.#free.push(block);
  }

  #tellFree(): void {
    metrics?.({ name: "freeBlocks", free: this.freeBlocks, total: this.numBlocks });
  }

  /** The block's contents are not what its hash says any more. */
  #forget(block: number): void {
    const hash = this.#hashes.get(block);
    if (hash === undefined) return;
    this.#hashes.delete(block);
    this.#byHash.delete(hash);
  }
}

function emptySequence(root: string): Sequence {
  return { length: 0, blocks: new Int32List(), hashes: [], root, missed: null };
}

function checkId(id: unknown, argument: string): SequenceId {
  if (typeof id === "string" || Number.isFinite(id)) return id as SequenceId;
  throw invalidArgument(argument, "a string or a number", id);
}
