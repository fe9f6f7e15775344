/** Workgroups that read the same keys, and how the grid lays them out. */
export interface Sharing {
  /** Groups of workgroups, of which each reads keys of its own: KV heads, say. */
  readonly groups: number;
  /** Neighbours in the grid that belong to different groups, before the first group comes again. */
  readonly stride: number;
  /** XCDs of the device: workgroup i runs on XCD i % xcds, and each has a cache of its own. */
  readonly xcds: number;
}

/**
 * The argument `xcds` of kernels that can deal their workgroups to XCDs in another order than the grid's. 1: the grid's keeps
 * each group on as few XCDs as there can be with all of them at work, and costs nothing.
 */
export function xcdsToDealTo({ groups, stride, xcds }: Sharing): number {
  const inGridOrder = xcds / gcd(stride, xcds);
  const fewest = groups >= xcds ? 1 : Math.ceil(xcds / groups);
  return inGridOrder <= fewest ? 1 : xcds;
}

function gcd(one: number, other: number): number {
  return other === 0 ? one : gcd(other, one % other);
}
