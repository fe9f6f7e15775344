/** Divides memory into regions one after the other, each aligned for kernels: where each begins, and the bytes of all. */
export function regionsOf<Name extends string>(
  sizes: Readonly<Record<Name, number>>,
): { offsets: Record<Name, bigint>; bytes: number } {
  let bytes = 0;
  const offsets: Partial<Record<Name, bigint>> = {};
  for (const [name, size] of Object.entries<number>(sizes)) {
    offsets[name as Name] = BigInt(bytes);
    bytes += Math.ceil(size / 256) * 256;
  }
  return { offsets: offsets as Record<Name, bigint>, bytes };
}
