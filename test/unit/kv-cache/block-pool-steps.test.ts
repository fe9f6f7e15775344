import { expect, it } from "vitest";
import { RocmAttentionError } from "../../../lib/errors.js";
import { BlockPool } from "../../../lib/kv-cache/block-pool.js";
import { Random } from "../../support/reference.js";

const [NUM_BLOCKS, BLOCK_SIZE, SEQUENCES, STEPS] = [24, 4, 8, 100_000];

interface NaiveBlock {
  references: number;
  /** The prefix that it holds the end of; null: nobody may find it. */
  prefix: string | null;
  /** The time at which nobody had it any more; 0: never used. */
  freed: number;
}

interface NaiveSequence {
  tokens: number[];
  blocks: NaiveBlock[];
  /** Blocks that have been committed. */
  committed: number;
  readonly keys: string;
}

/** A pool that looks through everything at every step. */
class NaivePool {
  readonly blocks = Array.from(
    { length: NUM_BLOCKS },
    (): NaiveBlock => ({ references: 0, prefix: null, freed: 0 }),
  );
  readonly sequences = new Map<number, NaiveSequence>();
  hits = 0;
  evictions = 0;
  #time = 0;

  get free(): number {
    return this.blocks.filter(({ references }) => references === 0).length;
  }

  known(prefix: string): NaiveBlock | undefined {
    return this.blocks.find((block) => block.prefix === prefix);
  }

  /** One without contents, else the one that has been free for longest. */
  take(): NaiveBlock {
    const free = this.blocks.filter(({ references }) => references === 0);
    const block =
      free.find(({ prefix }) => prefix === null) ??
      free.reduce((one, other) => (other.freed < one.freed ? other : one));
    if (block.prefix !== null) this.evictions++;
    return Object.assign(block, { references: 1, prefix: null });
  }

  release(block: NaiveBlock): void {
    if (--block.references === 0) block.freed = ++this.#time;
  }

  /** Whether there was room. */
  append(id: number, tokens: number[]): boolean {
    const sequence = this.sequences.get(id) ?? { tokens: [], blocks: [], committed: 0, keys: "" };
    const writesLast = tokens.length > 0 && sequence.tokens.length % BLOCK_SIZE > 0;
    const last = sequence.blocks.at(-1);
    const copies = writesLast && last!.references > 1;
    const total = Math.ceil((sequence.tokens.length + tokens.length) / BLOCK_SIZE);
    if (total - sequence.blocks.length + Number(copies) > this.free) return false;
    this.sequences.set(id, sequence);
    if (copies) {
      sequence.blocks[sequence.blocks.length - 1] = this.take();
      this.release(last!);
    } else if (writesLast) last!.prefix = null;
    while (sequence.blocks.length < total) sequence.blocks.push(this.take());
    sequence.tokens.push(...tokens);
    return true;
  }

  truncate(id: number, length: number): void {
    const sequence = this.sequences.get(id)!;
    sequence.tokens.length = length;
    while (sequence.blocks.length > Math.ceil(length / BLOCK_SIZE)) this.release(sequence.blocks.pop()!);
    sequence.committed = Math.min(sequence.committed, Math.floor(length / BLOCK_SIZE));
  }

  match(id: number, tokens: number[], keys: string): number {
    const sequence: NaiveSequence = { tokens: [], blocks: [], committed: 0, keys };
    for (let end = BLOCK_SIZE; end < tokens.length; end += BLOCK_SIZE) {
      const block = this.known(prefixOf(tokens.slice(0, end), keys));
      if (block === undefined) break;
      sequence.blocks.push(block);
      sequence.tokens = tokens.slice(0, end);
      sequence.committed++;
      this.hits++;
    }
    for (const block of sequence.blocks) block.references++;
    this.sequences.set(id, sequence);
    return sequence.tokens.length;
  }

  commit(id: number, count: number): void {
    const sequence = this.sequences.get(id)!;
    const { tokens, blocks, keys } = sequence;
    for (; (sequence.committed + 1) * BLOCK_SIZE <= count; sequence.committed++) {
      const block = blocks[sequence.committed]!;
      const prefix = prefixOf(tokens.slice(0, (sequence.committed + 1) * BLOCK_SIZE), keys);
      if (block.prefix === null && this.known(prefix) === undefined) block.prefix = prefix;
    }
  }

  fork(from: number, to: number): void {
    const { tokens, blocks, committed, keys } = this.sequences.get(from)!;
    for (const block of blocks) block.references++;
    this.sequences.set(to, { tokens: [...tokens], blocks: [...blocks], committed, keys });
  }
}

const prefixOf = (tokens: number[], keys: string) => `${keys}:${tokens.join()}`;

it(`does in ${STEPS} steps what a naive pool does`, () => {
  const pool = new BlockPool({ numBlocks: NUM_BLOCKS, blockSize: BLOCK_SIZE });
  const naive = new NaivePool();
  /** The naive pool's block for each of the pool's. */
  const twins = new Map<number, NaiveBlock>();
  const random = new Random(5);
  const below = (limit: number) => Math.floor(random.uniform() * limit);
  // Few different tokens, so that sequences begin alike.
  const drawTokens = (count: number) => Array.from({ length: count }, () => below(2));

  for (let step = 0; step < STEPS; step++) {
    const [id, other] = [below(SEQUENCES), below(SEQUENCES)];
    const sequence = naive.sequences.get(id);
    const action = below(12);
    if (sequence === undefined) {
      if (action < 3 && naive.sequences.has(other)) {
        pool.fork(other, id);
        naive.fork(other, id);
      } else if (action < 6) append(id, drawTokens(below(10)));
      else {
        const tokens = drawTokens(1 + below(16));
        const keys = below(4) === 0 ? "salt" : "";
        const length = pool.match(id, tokens, keys === "" ? {} : { extraKeys: [keys] });
        expect(length).toBe(naive.match(id, tokens, keys));
      }
    } else if (action < 4) append(id, drawTokens(below(7)));
    else if (action < 8) {
      const count = below(sequence.tokens.length + 1);
      pool.commit(id, sequence.tokens.slice(0, count));
      naive.commit(id, count);
    } else if (action < 10) {
      const length = below(sequence.tokens.length + 1);
      pool.truncate(id, length);
      naive.truncate(id, length);
    } else {
      pool.free(id);
      naive.truncate(id, 0);
      naive.sequences.delete(id);
    }
    if (pool.freeBlocks !== naive.free)
      expect(pool.freeBlocks, `free blocks at step ${step}`).toBe(naive.free);
    for (const each of [id, other]) compareBlocks(each, step);
  }
  expect(pool.counters).toMatchObject({ hitBlocks: naive.hits, evictedBlocks: naive.evictions });
  expect(naive.hits).toBeGreaterThan(1000);
  expect(naive.evictions).toBeGreaterThan(1000);

  function append(id: number, tokens: number[]): void {
    const hasRoom = naive.append(id, tokens);
    try {
      pool.append(id, tokens.length);
      pool.takeCopies();
      expect(hasRoom).toBe(true);
    } catch (error) {
      if (!(error instanceof RocmAttentionError)) throw error;
      expect([error.code, hasRoom]).toEqual(["ERR_OUT_OF_BLOCKS", false]);
    }
  }

  /** Two sequences share a block of the pool where they share one of the naive pool, and nowhere else. */
  function compareBlocks(id: number, step: number): void {
    const sequence = naive.sequences.get(id);
    const length = sequence?.tokens.length ?? 0;
    if (pool.length(id) !== length) expect(pool.length(id), `length at step ${step}`).toBe(length);
    if (sequence === undefined) return;
    const blocks = pool.blocks(id);
    for (const [index, block] of blocks.entries()) {
      const twin = sequence.blocks[index]!;
      const known = twins.get(block);
      // A block that others had may go to another twin, once nobody has it any more.
      if (known !== twin && known !== undefined && isHeld(block, known, id)) {
        expect.fail(`at step ${step} block ${block} of sequence ${id} is another's`);
      }
      twins.set(block, twin);
    }
  }

  function isHeld(block: number, twin: NaiveBlock, except: number): boolean {
    return [...naive.sequences].some(
      ([id, { blocks }]) => id !== except && blocks.includes(twin) && pool.blocks(id).includes(block),
    );
  }
});
