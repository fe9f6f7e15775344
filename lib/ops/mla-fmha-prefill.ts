import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import { invalidArgument } from "../errors.js";
import type { ChosenKernels } from "../kernels/chosen.js";
import type { Rows } from "./arguments.js";
import { MAX_DECODE_TOKENS } from "./decodes.js";
import { FmhaForward } from "./fmha.js";
import type { GatherGroup } from "./gather-groups.js";
import { GatheredAttention } from "./gathered-attention.js";
import { LongSequences } from "./long-sequences.js";
import { MergeStates } from "./merge-states.js";
import type { MlaCall } from "./mla-call.js";
import type { MlaPrefiller } from "./mla-prefiller.js";
import { type RequestLists, type Requests, requestLimits } from "./mla-requests.js";
import { type ExpandedCall, MlaJoinQuery, MlaUpProjection } from "./mla-up-projection.js";
import { regionsOf } from "./regions.js";

/** Elements of a head's query and key, of their part without position, and of a value. */
const [KEY, NOPE, VALUE] = [192, 128, 128] as const;
const ITEM_BYTES = 2;
/** CK-tile counts the bytes of a sequence's queries and keys in 32 bits. */
const REACH_BYTES = 2 ** 31;

interface FmhaPrefillStep {
  readonly tokens: number;
  readonly groups: readonly GatherGroup[];
  /** Query tokens of the longest prefill. */
  readonly maxQueryLen: number;
}

interface FmhaPrefillMetadata {
  /** The lists of groups; null: a batch of decodes. */
  readonly lists: Derived | null;
  /** Where in the workspace queries lie, LSEs that a call does not want, and what GatheredAttention needs. */
  readonly offsets: Readonly<Record<"query" | "lse" | "gathered", bigint>>;
}

/**
 * CK-tile's forward attention with heads of 192 and 128 elements, over keys and values that mla_up_projection makes of the cached
 * latents: of neighbouring sequences together, or of chunks of a long one, whose results are merged by their LSEs.
 */
export class MlaFmhaPrefill implements MlaPrefiller<FmhaPrefillStep, FmhaPrefillMetadata> {
  readonly #numHeads: number;
  readonly #join: MlaJoinQuery;
  readonly #gathered: GatheredAttention<ExpandedCall>;
  readonly #long: LongSequences;

  constructor(kernels: ChosenKernels, config: ResolvedConfig) {
    const { numHeads, mla } = config;
    this.#numHeads = numHeads;
    const [join] = kernels.load("triton:mla_join_query");
    const [project] = kernels.load("triton:mla_up_projection");
    const [forward] = kernels.load("ck:fmha_forward");
    const [merge] = kernels.load("hip:merge_attention_states");
    this.#join = new MlaJoinQuery(join, config);
    this.#long = new LongSequences({
      decodeTokens: MAX_DECODE_TOKENS,
      slidingWindow: null,
      maxKeys: Math.min(mla!.maxChunkTokens, this.#reach),
      hasChunks: true,
      mostKeys: Number.POSITIVE_INFINITY,
    });
    const expanded = { ...config, numKvHeads: numHeads, headSize: KEY };
    this.#gathered = new GatheredAttention(
      new MlaUpProjection(project, config),
      new FmhaForward(forward, expanded, VALUE),
      new MergeStates(merge, { numHeads, headSize: VALUE }),
      expanded,
      this.#long.rule,
      { key: KEY, value: VALUE },
    );
  }

  /** Tokens of a sequence whose queries or keys CK-tile reaches. */
  get #reach(): number {
    return Math.floor(REACH_BYTES / (this.#numHeads * KEY * ITEM_BYTES));
  }

  plan({ maxPrefillTokens }: Requests, step: StepView | null): FmhaPrefillStep | null {
    if (step === null) return null;
    const { prefills, extends: extending } = this.#long.plan(step);
    const groups = [...prefills, ...extending];
    if (groups.length === 0) return null;
    return { tokens: step.shape.tokens, groups, maxQueryLen: maxPrefillTokens };
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    const { maxTokens, maxQueryLen } = limits;
    const hasPrefills = requestLimits(limits).prefills > 0;
    if (hasPrefills && maxQueryLen > this.#reach) {
      const expected = `maxQueryLen of at most ${this.#reach} with ${this.#numHeads} heads`;
      throw invalidArgument("batch", expected, maxQueryLen);
    }
    const tokens = hasPrefills ? maxTokens : 0;
    const { bytes, offsets } = regionsOf({
      query: tokens * this.#numHeads * KEY * ITEM_BYTES,
      lse: 4 * tokens * this.#numHeads,
      gathered: hasPrefills ? this.#gathered.workspaceBytes(limits) : 0,
    });
    return {
      workspaceBytes: bytes,
      derived: { lists: hasPrefills ? this.#long.derive(limits, derive) : null, offsets },
    };
  }

  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    { tokens, ...step }: FmhaPrefillStep,
    workspace: bigint,
    derived: FmhaPrefillMetadata,
    stream: Stream,
  ): void {
    const { offsets } = derived;
    const { output, kScale, cache } = call;
    const expanded: ExpandedCall = {
      query: this.#query(call, batch, lists, workspace + offsets.query, tokens, stream),
      key: null,
      value: null,
      output,
      lse: call.lse ?? { pointer: workspace + offsets.lse },
      ...{ kScale, vScale: kScale, cache, sinks: null, outputScale: null },
      latent: { call, batch, lists },
    };
    const gathered = { ...step, lists: derived.lists!.pointer };
    this.#gathered.launch(expanded, batch, gathered, 0n, workspace + offsets.gathered, stream);
  }

  /** Queries [tokens, heads, 192]: the caller's own where they are parts of one such tensor, as a projection leaves it. */
  #query(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    into: bigint,
    tokens: number,
    stream: Stream,
  ): Rows {
    const { queryNope, queryRope } = call;
    const strides = [this.#numHeads * KEY, KEY, 1];
    const areJoined =
      queryRope.pointer === queryNope.pointer + BigInt(NOPE * ITEM_BYTES) &&
      [queryNope, queryRope].every((part) => String(part.strides) === String(strides));
    if (areJoined) return queryNope;
    this.#join.launch(call, batch, lists, into, tokens, stream);
    return { pointer: into, strides };
  }
}
