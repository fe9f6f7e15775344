import type { NativeStream } from "../../lib/native.js";

/** A launch as native code finds it in a list. */
export interface RecordedLaunch {
  kernel: number;
  grid: number[];
  block: number[];
  ldsBytes: number;
  kernargs: Buffer;
}

/** A native stream that notes what is launched on it, call by call, instead of launching it. */
export function launchRecorder() {
  const calls: RecordedLaunch[][] = [];
  const launch = (list: Uint8Array, length: number) => {
    const view = new DataView(list.buffer, list.byteOffset, length);
    const launches: RecordedLaunch[] = [];
    for (let at = 0; at < length; ) {
      const [kernel, ...sizes] = Array.from({ length: 9 }, (_, word) => view.getUint32(at + 4 * word, true));
      const [ldsBytes, kernargBytes] = sizes.slice(6) as [number, number];
      const kernargs = Buffer.from(list.slice(at + 40, at + 40 + kernargBytes));
      launches.push({
        kernel: kernel!,
        grid: sizes.slice(0, 3),
        block: sizes.slice(3, 6),
        ldsBytes,
        kernargs,
      });
      at += 40 + 8 * Math.ceil(kernargBytes / 8);
    }
    calls.push(launches);
  };
  return { calls, stream: { launch } as unknown as NativeStream };
}
