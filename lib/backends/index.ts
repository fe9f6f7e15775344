import type { BackendFactory } from "./backend.js";
import { FlexAttentionBackend } from "./flex-attention.js";
import { AiterFlashAttention } from "./rocm-aiter-fa.js";
import { RocmAiterMla } from "./rocm-aiter-mla.js";
import { AiterUnifiedBackend } from "./rocm-aiter-unified-attn.js";
import { RocmAttention } from "./rocm-attn.js";
import { TritonAttention } from "./triton-attn.js";
import { TritonMla } from "./triton-mla.js";

/** Factories by the name of the backend. */
export const BACKEND_FACTORIES: Readonly<Record<string, BackendFactory>> = {
  ROCM_AITER_MLA: (context) => new RocmAiterMla(context),
  FLEX_ATTENTION: (context) => new FlexAttentionBackend(context),
  ROCM_AITER_FA: (context) => new AiterFlashAttention(context),
  ROCM_AITER_UNIFIED_ATTN: (context) => new AiterUnifiedBackend(context),
  ROCM_ATTN: (context) => new RocmAttention(context),
  TRITON_ATTN: (context) => new TritonAttention(context),
  TRITON_MLA: (context) => new TritonMla(context),
};
