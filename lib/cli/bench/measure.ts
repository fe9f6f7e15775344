import { createAttention, createBatch, type Device, type Graph, type Stream } from "../../index.js";
import { runningSums } from "../inputs.js";
import { BLOCK_SIZE, cacheBytes, HEAD_SIZE, type Shape } from "./shapes.js";

/** More than the caches of any GPU hold, so that each layer's keys and values come from memory, as in a model. */
const COLD_BYTES = 2 ** 30;
const MOST_LAYERS = 32;
const ROUNDS = 7;

export interface Measurement {
  readonly backend: string;
  /** Of one layer's attention on the device's clock, the median round's. */
  readonly microseconds: number;
  /** Layers of a round. */
  readonly layers: number;
  /** Whether they are replayed from a graph, as decodes are; else they are enqueued one by one. */
  readonly graph: boolean;
}

/** Times a step of attention in bfloat16, layer after layer. The keys and values are whatever the memory holds. */
export async function measure(device: Device, shape: Shape, backend?: string): Promise<Measurement> {
  const { sequences, keys, queries, numHeads, numKvHeads } = shape;
  const layers = device.info.emulated
    ? 2
    : Math.max(2, Math.min(MOST_LAYERS, Math.ceil(COLD_BYTES / cacheBytes(shape))));
  using attention = createAttention(device, {
    ...{ numHeads, numKvHeads, headSize: HEAD_SIZE, dtype: "bfloat16", blockSize: BLOCK_SIZE, backend },
  });
  const blocks = Math.ceil(keys / BLOCK_SIZE);
  using cache = attention.createKvCache({ numBlocks: sequences * blocks, layers });
  using batch = createBatch(device, {
    ...{ maxSequences: sequences, maxTokens: sequences * queries, maxBlocksPerSequence: blocks },
  });
  batch.update({
    queryStartLoc: runningSums(new Array(sequences).fill(queries)),
    seqLens: new Array(sequences).fill(keys),
    blockTable: Array.from({ length: sequences }, (_, sequence) =>
      Array.from({ length: blocks }, (_, block) => sequence * blocks + block),
    ),
  });
  using query = device.zeros([sequences * queries, numHeads, HEAD_SIZE], "bfloat16");
  using output = device.empty([sequences * queries, numHeads, HEAD_SIZE], "bfloat16");
  await attention.warmUp(batch);

  using stream = device.createStream();
  stream.wait(device.defaultStream.record());
  const enqueue = () => {
    for (let layer = 0; layer < layers; layer++) {
      attention.forward({ query, output, cache: cache.layer(layer), batch, stream });
    }
  };
  // The host's part of a decode would take longer than the device's.
  using graph = shape.phase === "decode" ? captured(stream, enqueue) : null;
  const round = () => (graph === null ? enqueue() : graph.launch(stream));
  round();
  const times: number[] = [];
  for (let index = 0; index < ROUNDS; index++) {
    using start = stream.record();
    round();
    using end = stream.record();
    times.push((1000 * (await end.elapsedMs(start))) / layers);
  }
  await stream.synchronize();
  times.sort((one, other) => one - other);
  return {
    backend: attention.backend,
    microseconds: times[Math.floor(ROUNDS / 2)]!,
    layers,
    graph: graph !== null,
  };
}

function captured(stream: Stream, enqueue: () => void): Graph {
  stream.beginCapture();
  enqueue();
  return stream.endCapture();
}
