import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import { invalidArgument } from "../errors.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import { AiterPagedDecode } from "../ops/aiter-paged-decode.js";
import { deriveAlibiSlopes } from "../ops/alibi-slopes.js";
import { CacheWrite } from "../ops/cache-write.js";
import type { AttentionCall } from "../ops/call.js";
import { MAX_DECODE_TOKENS } from "../ops/decodes.js";
import { FlashDecode, type FlashDecodeStep } from "../ops/flash-decode.js";
import { FmhaForward, FmhaPaged, MAX_ALIBI_KEYS } from "../ops/fmha.js";
import { FmhaV3 } from "../ops/fmha-v3.js";
import { Gather } from "../ops/gather.js";
import type { LongSequencesPlan } from "../ops/gather-groups.js";
import { GatheredAttention } from "../ops/gathered-attention.js";
import { LongSequences } from "../ops/long-sequences.js";
import { MergeStates } from "../ops/merge-states.js";
import { PagedDecode } from "../ops/paged-decode.js";
import { type PromptStep, Prompts } from "../ops/prompts.js";
import type { AttentionBackend, BackendContext, RunContext } from "./backend.js";

/** Keys that are gathered at once, as in vLLM. */
const GATHERED_KEYS = 32_768;

/** AITER's forward attention in assembly, where selection has found it to serve. */
const V3 = "aiter:fmha_v3_causal:asm";

interface Plan {
  readonly sequences: number;
  readonly tokens: number;
  readonly maxQueryLen: number;
  readonly decode: FlashDecodeStep | null;
  readonly prompts: PromptStep | null;
  /** The sequences with more tokens than a decode; null: there are none. */
  readonly long: LongSequencesPlan | null;
}

interface Metadata {
  readonly alibiSlopes: Derived | null;
  /** The lists of prompts, and of the sequences with more tokens than a decode; null where a batch has none. */
  readonly long: { readonly prompts: Derived; readonly groups: Derived } | null;
  /** Where in the workspace LSEs go that a call does not want. */
  readonly lseOffset: number;
}

/** The long sequences of a capture, which any step may follow: all of them go over the cache. */
const ANY: LongSequencesPlan = { longestExtend: 0, prefills: [], extends: [], lists: [] };

/**
 * ROCM_AITER_FA: the sequences of a step, in whatever order they stand, are decodes, prefills and extends (new tokens behind
 * a context). Decodes run through paged decode, AITER's in assembly or ours in HIP C++, prefills over the call's keys through AITER's assembly where that
 * serves and through CK-tile, extends through CK-tile over the cache, or, where it has no kernel for that, over keys that
 * are gathered first.
 */
export class AiterFlashAttention implements AttentionBackend<AttentionCall, Plan, Metadata> {
  readonly cacheLayout: CacheLayout;
  readonly #config: ResolvedConfig;
  readonly #write: CacheWrite;
  readonly #decode: FlashDecode;
  readonly #prompts: Prompts;
  readonly #paged: FmhaPaged | null = null;
  readonly #gathered: GatheredAttention | null = null;
  readonly #long: LongSequences;
  #unwantedLse = { pointer: 0n };

  constructor({ device, config, kernels, layout }: BackendContext, gatheredKeys = GATHERED_KEYS) {
    const isGrouped = kernels.has("hip:reshape_and_cache");
    const [write] = kernels.load(isGrouped ? "hip:reshape_and_cache" : "hip:reshape_and_cache_flash");
    const [reduce] = kernels.load("hip:paged_attention_reduce");
    const [forward] = kernels.load("ck:fmha_forward");
    this.cacheLayout = layout!;
    this.#config = config;
    this.#write = new CacheWrite(write, config);
    const paged = new PagedDecode(kernels.load("hip:paged_attention"), reduce, config, device.info);
    const [one, several] = (["aiter:paged_decode:asm", "aiter:paged_decode_mtp:asm"] as const).map((name) =>
      kernels.has(name) ? new AiterPagedDecode(kernels.load(name)[0], config) : null,
    ) as [AiterPagedDecode | null, AiterPagedDecode | null];
    this.#decode = new FlashDecode(paged, one, several, config, device.info.computeUnits);
    const dense = new FmhaForward(forward, config);
    const v3 = kernels.has(V3) ? new FmhaV3(kernels.load(V3), config, device.info.chipId) : null;
    this.#prompts = new Prompts(dense, v3);
    const hasAlibi = config.alibiSlopes !== null;
    const isPaged = kernels.has("ck:fmha_forward_paged");
    const rule = {
      decodeTokens: MAX_DECODE_TOKENS,
      slidingWindow: config.slidingWindow,
      maxKeys: isPaged ? Number.POSITIVE_INFINITY : gatheredKeys,
      // CK-tile places windows and slopes by the last key that it is given: such sequences are gathered whole.
      hasChunks: config.slidingWindow === null && !hasAlibi,
      mostKeys: hasAlibi ? MAX_ALIBI_KEYS : Number.POSITIVE_INFINITY,
    };
    this.#long = new LongSequences(rule);
    if (isPaged) {
      const [paged] = kernels.load("ck:fmha_forward_paged").sort((one, other) => keysOf(other) - keysOf(one));
      this.#paged = new FmhaPaged(paged!, config, MAX_DECODE_TOKENS);
    } else {
      const [gather] = kernels.load("hip:gather_cache");
      const [merge] = kernels.load("hip:merge_attention_states");
      const operations = [new Gather(gather, config), dense, new MergeStates(merge, config)] as const;
      this.#gathered = new GatheredAttention(...operations, config, rule);
    }
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    const { maxQueryLen } = limits;
    const decodeBytes = this.#decode.workspaceBytes(limits);
    const alibiSlopes = deriveAlibiSlopes(this.#config, derive);
    if (maxQueryLen <= MAX_DECODE_TOKENS) {
      return { workspaceBytes: decodeBytes, derived: { alibiSlopes, long: null, lseOffset: 0 } };
    }
    const long = {
      prompts: this.#prompts.derive(limits, derive),
      groups: this.#long.derive(limits, derive),
    };
    // Decodes come before what is gathered: one piece of memory serves both.
    const gatheredBytes = this.#gathered?.workspaceBytes(limits) ?? 0;
    const lseOffset = Math.max(decodeBytes, gatheredBytes);
    const workspaceBytes = lseOffset + 4 * limits.maxTokens * this.#config.numHeads;
    return { workspaceBytes, derived: { alibiSlopes, long, lseOffset } };
  }

  plan(shape: StepShape, step: StepView | null): Plan {
    const { sequences, tokens, maxQueryLen } = shape;
    const decode = this.#decode.plan(shape, step);
    const plan = { sequences, tokens, maxQueryLen, decode };
    if (maxQueryLen <= MAX_DECODE_TOKENS) return { ...plan, prompts: null, long: null };
    if (step !== null) return { ...plan, prompts: this.#prompts.plan(step), long: this.#long.plan(step) };
    if (this.#paged !== null) return { ...plan, prompts: null, long: ANY };
    const expected = `a batch with maxQueryLen of at most ${MAX_DECODE_TOKENS}: decodes alone can be captured`;
    throw invalidArgument("batch", expected, maxQueryLen);
  }

  run(
    call: AttentionCall,
    { tokens, sequences, maxQueryLen, decode, prompts, long }: Plan,
    { batch, derived, workspace, stream }: RunContext<Metadata>,
  ): void {
    if (tokens === 0) return;
    const alibiSlopes = derived.alibiSlopes?.pointer ?? 0n;
    if (call.key !== null) this.#write.launch(call, batch, tokens, stream);
    if (decode !== null) this.#decode.launch(call, batch, decode, alibiSlopes, workspace, stream);
    if (long === null) return;
    // An fp8 cache is read back, so that a token counts for as much as it will later on.
    const usesNewKeys = call.key !== null && this.cacheLayout.dtype === this.#config.dtype;
    const lse = call.lse ?? this.#unwanted(workspace + BigInt(derived.lseOffset));
    const lists = derived.long!;
    // Of a capture's step nothing is known: all long sequences of its graph go over the cache.
    const takesPrompts = usesNewKeys && prompts !== null;
    if (takesPrompts) {
      this.#prompts.launch(call, lse, batch, prompts, lists.prompts, alibiSlopes, stream);
    }
    if (this.#paged !== null) {
      if (takesPrompts && long.longestExtend === 0) return;
      const of = takesPrompts
        ? { sequences, maxQueryLen: long.longestExtend, extendsOnly: true }
        : { sequences, maxQueryLen, extendsOnly: false };
      this.#paged.launch({ ...call, lse }, batch, of, stream);
      return;
    }
    const groups = usesNewKeys ? long.extends : [...long.prefills, ...long.extends];
    if (groups.length === 0) return;
    const gathered = { groups, lists: lists.groups.pointer, maxQueryLen };
    this.#gathered!.launch({ ...call, lse }, batch, gathered, alibiSlopes, workspace, stream);
  }

  dispose(): void {}

  /** The same object for the same address: kernels' arguments are set anew where a call differs from the one before. */
  #unwanted(pointer: bigint): { readonly pointer: bigint } {
    if (this.#unwantedLse.pointer !== pointer) this.#unwantedLse = { pointer };
    return this.#unwantedLse;
  }
}

function keysOf({ row }: LaunchPlan): number {
  return row.tile.keys!;
}
