import type { Launch, Provider } from "../catalog/choose.js";

export const CDNA = ["gfx90a", "gfx942", "gfx950"] as const;
export const ALL_TARGETS = [...CDNA, "gfx11", "gfx12"] as const;

/** Writes launches as "provider:operation", or "provider:operation:variant". */
export function launches(...names: `${Provider}:${string}`[]): Launch[] {
  return names.map((name) => {
    const [provider, operation, variant] = name.split(":") as [Provider, string, string?];
    return { provider, operation, ...(variant !== undefined && { variant }) };
  });
}
