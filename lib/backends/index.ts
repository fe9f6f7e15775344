import type { BackendFactory } from "./backend.js";
import { TritonAttention } from "./triton-attn.js";

/** Factories by the name of the backend; those of planned backends are still to come. */
export const BACKEND_FACTORIES: Readonly<Record<string, BackendFactory>> = {
  TRITON_ATTN: (context) => new TritonAttention(context),
};
