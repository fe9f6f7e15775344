import type { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindSources, numberOf, pointerOf } from "./arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { RequestLists } from "./mla-requests.js";

/** Where a launch of latent attention finds an argument that can change from call to call. */
type Source = (call: MlaCall, batch: Batch, lists: RequestLists) => bigint | number;

const SOURCES: Readonly<Record<string, Source>> = {
  query_nope: ({ queryNope }) => queryNope.pointer,
  stride_query_nope_token: ({ queryNope }) => queryNope.strides[0]!,
  stride_query_nope_head: ({ queryNope }) => queryNope.strides[1]!,
  query_rope: ({ queryRope }) => queryRope.pointer,
  stride_query_rope_token: ({ queryRope }) => queryRope.strides[0]!,
  stride_query_rope_head: ({ queryRope }) => queryRope.strides[1]!,
  latent: ({ latent }) => latent!.pointer,
  stride_latent_token: ({ latent }) => latent!.strides[0]!,
  key_rope: ({ keyRope }) => keyRope!.pointer,
  stride_key_rope_token: ({ keyRope }) => keyRope!.strides[0]!,
  weight: ({ weights }) => weights.kvB.pointer,
  quantised_weight: ({ weights }) => weights.quantised!.weight.pointer,
  weight_scale: ({ weights }) => weights.quantised!.scales.pointer,
  output: ({ output }) => output.pointer,
  stride_output_token: ({ output }) => output.strides[0]!,
  stride_output_head: ({ output }) => output.strides[1]!,
  lse: ({ lse }) => lse?.pointer ?? 0n,
  write_lse: ({ lse }) => (lse === null ? 0 : 1),
  key_scale: ({ kScale }) => numberOf(kScale),
  key_scale_tensor: ({ kScale }) => pointerOf(kScale),
  latent_cache: ({ cache }) => cache.part("latent").pointer,
  num_blocks: ({ cache }) => cache.numBlocks,
  stride_block: ({ cache }) => cache.part("latent").blockStride,
  stride_slot: ({ cache }) => cache.part("latent").strides[0]!,
  query_start_loc: (_, batch) => batch.queryStartLocPointer,
  seq_lens: (_, batch) => batch.seqLensPointer,
  block_table: (_, batch) => batch.blockTablePointer,
  stride_table: (_, batch) => batch.limits.maxBlocksPerSequence,
  slot_mapping: (_, batch) => batch.slotMappingPointer,
  decode_sequences: (_, __, { decodeSequences }) => decodeSequences,
  decode_starts: (_, __, { decodeStarts }) => decodeStarts,
  decode_tokens: (_, __, { decodeTokens }) => decodeTokens,
  decode_keys: (_, __, { decodeKeys }) => decodeKeys,
  prefill_sequences: (_, __, { prefillSequences }) => prefillSequences,
};

/** Sets the constants of a plan of latent attention and returns the function that sets what a call and a batch decide. */
export function bindMlaArguments(
  plan: LaunchPlan,
  { numHeads, blockSize, scale }: ResolvedConfig,
): (call: MlaCall, batch: Batch, lists: RequestLists) => void {
  plan.set({ num_heads: numHeads, block_size: blockSize, scale: scale * Math.LOG2E });
  return bindSources(plan, SOURCES);
}
