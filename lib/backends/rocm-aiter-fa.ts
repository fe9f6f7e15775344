import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import { itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import { deriveAlibiSlopes } from "../ops/alibi-slopes.js";
import type { DenseCall } from "../ops/arguments.js";
import { CacheWrite } from "../ops/cache-write.js";
import type { AttentionCall } from "../ops/call.js";
import { MAX_DECODE_TOKENS, shortQueries } from "../ops/decodes.js";
import { FmhaForward, FmhaPaged } from "../ops/fmha.js";
import { FmhaV3 } from "../ops/fmha-v3.js";
import { Gather } from "../ops/gather.js";
import type { GatherGroup } from "../ops/gather-groups.js";
import { LongSequences, type SequenceLists } from "../ops/long-sequences.js";
import { PagedDecode, type PagedStep } from "../ops/paged-decode.js";
import { type PromptStep, Prompts } from "../ops/prompts.js";
import type { AttentionBackend, BackendContext, RunContext } from "./backend.js";

/** Keys that are gathered at once, as in vLLM. CK-tile counts the distances of ALiBi in 16 bits: they stay below. */
const MAX_GATHERED_KEYS = 32_768;

/** AITER's forward attention in assembly, where selection has found it to serve. */
const V3 = "aiter:fmha_v3_causal:asm";

interface Plan {
  readonly sequences: number;
  readonly tokens: number;
  readonly maxQueryLen: number;
  readonly decode: PagedStep | null;
  readonly prompts: PromptStep | null;
  /** Whether there are sequences with more tokens than a decode behind a context. */
  readonly hasExtend: boolean;
  /** The gathers of those with a context, and of all of them. */
  readonly extends: readonly GatherGroup[];
  readonly all: readonly GatherGroup[];
}

interface Metadata {
  readonly alibiSlopes: Derived | null;
  /** The sequences with more tokens than a decode; null where a batch has none. */
  readonly long: (Readonly<Record<"extends" | "all", SequenceLists>> & { readonly prompts: Derived }) | null;
}

/**
 * ROCM_AITER_FA: the sequences of a step, in whatever order they stand, are decodes, prefills and extends (new tokens behind
 * a context). Decodes run through paged decode in HIP C++, prefills over the call's keys through AITER's assembly where that
 * serves and through CK-tile, extends through CK-tile over the cache, or, where it has no kernel for that, over keys that
 * are gathered first.
 */
export class AiterFlashAttention implements AttentionBackend<AttentionCall, Plan, Metadata> {
  readonly cacheLayout: CacheLayout;
  readonly #config: ResolvedConfig;
  readonly #write: CacheWrite;
  readonly #decode: PagedDecode;
  readonly #forward: FmhaForward;
  readonly #prompts: Prompts;
  readonly #paged: FmhaPaged | null = null;
  readonly #gather: Gather | null = null;
  readonly #lists;

  constructor({ device, config, kernels, layout }: BackendContext) {
    const isGrouped = kernels.has("hip:reshape_and_cache");
    const [write] = kernels.load(isGrouped ? "hip:reshape_and_cache" : "hip:reshape_and_cache_flash");
    const [reduce] = kernels.load("hip:paged_attention_reduce");
    const [forward] = kernels.load("ck:fmha_forward");
    this.cacheLayout = layout!;
    this.#config = config;
    this.#write = new CacheWrite(write, config);
    this.#decode = new PagedDecode(kernels.load("hip:paged_attention"), reduce, config, device.info);
    this.#forward = new FmhaForward(forward, config);
    const v3 = kernels.has(V3) ? new FmhaV3(kernels.load(V3), config, device.info.chipId) : null;
    this.#prompts = new Prompts(this.#forward, v3);
    if (kernels.has("ck:fmha_forward_paged")) {
      const [paged] = kernels.load("ck:fmha_forward_paged");
      this.#paged = new FmhaPaged(paged, config, MAX_DECODE_TOKENS);
    } else {
      const [gather] = kernels.load("hip:gather_cache");
      this.#gather = new Gather(gather, config);
    }
    const { slidingWindow } = config;
    const maxRows = this.#gather === null ? Number.POSITIVE_INFINITY : MAX_GATHERED_KEYS;
    const listOf = (needsContext: boolean) =>
      new LongSequences({
        ...{ slidingWindow, maxRows },
        takes: (queryLen, seqLen) => queryLen > MAX_DECODE_TOKENS && (!needsContext || queryLen < seqLen),
      });
    this.#lists = { extends: listOf(true), all: listOf(false) };
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    const { maxQueryLen } = limits;
    const decodeBytes = this.#decode.workspaceBytes(limits, Math.min(MAX_DECODE_TOKENS, maxQueryLen));
    const alibiSlopes = deriveAlibiSlopes(this.#config, derive);
    if (maxQueryLen <= MAX_DECODE_TOKENS) {
      return { workspaceBytes: decodeBytes, derived: { alibiSlopes, long: null } };
    }
    const { extends: behind, all } = this.#lists;
    const long = {
      prompts: this.#prompts.derive(limits, derive),
      extends: behind.derive(limits, derive),
      all: all.derive(limits, derive),
    };
    // Decodes come before what is gathered: one piece of memory serves both.
    const gathered = this.#gather === null ? 0 : 2 * this.#rowBytes * mostGathered(limits);
    return { workspaceBytes: Math.max(decodeBytes, gathered), derived: { alibiSlopes, long } };
  }

  plan(shape: StepShape, step: StepView | null): Plan {
    const { sequences, tokens, maxQueryLen } = shape;
    const { queryTokens, maxLen } = shortQueries(shape, step);
    const decode = queryTokens === 0 ? null : this.#decode.plan(sequences, queryTokens, maxLen);
    const plan = { sequences, tokens, maxQueryLen, decode };
    if (maxQueryLen <= MAX_DECODE_TOKENS) {
      return { ...plan, prompts: null, hasExtend: false, extends: [], all: [] };
    }
    if (step !== null) {
      const { extends: behind, all } = this.#lists;
      const after = behind.plan(step);
      const prompts = this.#prompts.plan(step);
      return { ...plan, prompts, hasExtend: after.length > 0, extends: after, all: all.plan(step) };
    }
    // Any step may follow a capture, and CK-tile over the cache serves any.
    if (this.#paged !== null) return { ...plan, prompts: null, hasExtend: true, extends: [], all: [] };
    const expected = `a batch with maxQueryLen of at most ${MAX_DECODE_TOKENS}: decodes alone can be captured`;
    throw invalidArgument("batch", expected, maxQueryLen);
  }

  run(call: AttentionCall, plan: Plan, context: RunContext<Metadata>): void {
    const { batch, derived, workspace, stream } = context;
    const { tokens, sequences, maxQueryLen, decode, prompts } = plan;
    if (tokens === 0) return;
    const alibiSlopes = derived.alibiSlopes?.pointer ?? 0n;
    if (call.key !== null) this.#write.launch(call, batch, tokens, stream);
    if (decode !== null) this.#decode.launch(call, batch, decode, alibiSlopes, workspace, stream);
    if (prompts === null && !plan.hasExtend) return;
    // An fp8 cache is read back, so that a token counts for as much as it will later on.
    const usesNewKeys = call.key !== null && this.cacheLayout.dtype === this.#config.dtype;
    if (this.#paged !== null && (plan.hasExtend || !usesNewKeys)) {
      this.#paged.launch(call, batch, sequences, maxQueryLen, stream);
      return;
    }
    if (usesNewKeys && prompts !== null) {
      this.#prompts.launch(call, batch, prompts, derived.long!.prompts, alibiSlopes, stream);
    }
    const kind = usesNewKeys ? "extends" : "all";
    for (const group of plan[kind])
      this.#attendGathered(call, plan, group, derived.long![kind], context, alibiSlopes);
  }

  dispose(): void {}

  #attendGathered(
    call: AttentionCall,
    { maxQueryLen }: Plan,
    { first, sequences, rows, startsAt }: GatherGroup,
    lists: SequenceLists,
    { batch, workspace, stream }: RunContext<Metadata>,
    alibiSlopes: bigint,
  ): void {
    const { numKvHeads, headSize } = this.#config;
    const strides = [numKvHeads * headSize, headSize, 1];
    const key = { pointer: workspace, strides };
    const value = { pointer: workspace + BigInt(rows * this.#rowBytes), strides };
    const dense: DenseCall = { ...call, key, value };
    const from = (list: bigint, entry: number) => list + BigInt(4 * entry);
    const rowStarts = from(lists.rowStarts, startsAt);
    const { maxBlocksPerSequence } = batch.limits;
    this.#gather!.launch(
      dense,
      {
        blockTable: from(batch.blockTablePointer, first * maxBlocksPerSequence),
        strideTable: maxBlocksPerSequence,
        starts: from(lists.starts, first),
        ...{ rowStarts, sequences, rows },
      },
      stream,
    );
    const of = {
      queryStartLoc: from(batch.queryStartLocPointer, first),
      queryLens: from(lists.queryLens, first),
      keyStartLoc: rowStarts,
      keyLens: from(lists.keyLens, first),
      ...{ sequences, maxQueryLen },
    };
    this.#forward.launch(dense, batch, of, alibiSlopes, stream);
  }

  /** Bytes of one token's keys, or values, of all heads. */
  get #rowBytes(): number {
    const { numKvHeads, headSize, dtype } = this.#config;
    return numKvHeads * headSize * itemSize(dtype);
  }
}

/** Keys of the largest group that a batch's steps can have. */
function mostGathered({ maxSequences, maxBlocksPerSequence, blockSize }: Required<BatchLimits>): number {
  return Math.min(MAX_GATHERED_KEYS, maxSequences * maxBlocksPerSequence * blockSize);
}
