import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type AttentionConfig, createAttention, type Tensor } from "../../../lib/index.js";
import { kernelFolders } from "../../../lib/kernels/store.js";
import { coded } from "../../support/coded.js";
import { openTestDevice } from "../../support/device.js";

const CONFIG = { numHeads: 4, numKvHeads: 2, headSize: 128, dtype: "bfloat16" } as const;
const device = openTestDevice();
const other = openTestDevice();
afterAll(() => Promise.all([device.close(), other.close()]));

const attention = createAttention(device, CONFIG);
const cache = attention.createKvCache({ numBlocks: 4, layers: 2 });

function dispose(tensor: Tensor): Tensor {
  tensor.dispose();
  return tensor;
}

describe("createAttention", () => {
  const noWindow = ["ERR_INVALID_ARGUMENT", "undefined", "slidingWindow"] as const;
  it.each<[string, Partial<AttentionConfig>, string, ...string[]]>([
    ["a head size that no kernel has", { headSize: 84 }, "ERR_NO_BACKEND", "multiples of 8", "84"],
    ["fp8 of another encoding", { kvCacheDtype: "fp8_e5m2" }, "ERR_NO_BACKEND", "not fp8_e5m2"],
    [
      "cross attention that has a window",
      { attentionType: "encoder_decoder", slidingWindow: 8 },
      ...noWindow,
    ],
    ["a block size that no kernel has", { blockSize: 24 }, "ERR_NO_BACKEND", "multiples of 16", "24"],
    ["heads that the KV heads do not divide", { numHeads: 5 }, "ERR_INVALID_ARGUMENT", "numKvHeads"],
    ["an option that there is not", { windowLeft: 5 } as never, "ERR_INVALID_ARGUMENT", "windowLeft"],
  ])("refuses %s", (_, change, code, ...words) => {
    expect(() => createAttention(device, { ...CONFIG, ...change })).toThrow(coded(code, ...words));
  });

  it("refuses what is no device and what is no configuration", () => {
    expect(() => createAttention({} as never, CONFIG)).toThrow(coded("ERR_INVALID_ARGUMENT", "a Device"));
    expect(() => createAttention(device, undefined as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "config"),
    );
  });

  it("refuses damaged kernels: ERR_KERNEL_CORRUPT", () => {
    const folder = mkdtempSync(join(tmpdir(), "damaged-kernels-"));
    const { path } = kernelFolders(device.info.arch)[0]!;
    cpSync(path, folder, { recursive: true });
    process.env.ROCM_ATTENTION_KERNEL_PATH = folder;
    try {
      for (const file of readdirSync(folder)) {
        if (!file.startsWith("triton.unified_attention_2d.bfloat16.d128")) continue;
        const bytes = readFileSync(join(folder, file));
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(join(folder, file), bytes);
      }
      expect(() => createAttention(device, CONFIG)).toThrow(
        coded("ERR_KERNEL_CORRUPT", "unified_attention_2d", "SHA-256"),
      );
      copyFileSync(join(folder, readdirSync(folder)[1]!), join(folder, "manifest.json"));
      expect(() => createAttention(device, CONFIG)).toThrow(coded("ERR_KERNEL_CORRUPT", "manifest.json"));
    } finally {
      delete process.env.ROCM_ATTENTION_KERNEL_PATH;
      rmSync(folder, { recursive: true });
    }
    createAttention(device, CONFIG).dispose();
  });
});

const bits = async (index: number) => {
  const bytes = (await cache.memory(index).read()) as Uint8Array;
  return new Uint16Array(bytes.buffer);
};

describe("a KV cache", () => {
  it("refuses sizes that are none, and more than the device's memory, which stays free", () => {
    const before = device.memory();
    for (const options of [{ numBlocks: 0 }, { numBlocks: 1.5 }, { numBlocks: 1, layers: 0 }, undefined]) {
      expect(() => attention.createKvCache(options as never)).toThrow(coded("ERR_INVALID_ARGUMENT"));
    }
    expect(() => attention.createKvCache({ numBlocks: 2 ** 24 })).toThrow(coded("ERR_OUT_OF_MEMORY"));
    expect(device.memory()).toEqual(before);
    expect(() => cache.layer(2)).toThrow(coded("ERR_INVALID_ARGUMENT", "between 0 and 1", "2"));
    expect(() => cache.layer(-1)).toThrow(coded("ERR_INVALID_ARGUMENT"));
  });

  const part = () => device.zeros([4, 16, 2, 128], "bfloat16");
  const view = (strides: number[]) =>
    device.zeros([2 ** 16], "bfloat16").view({ shape: [1, 16, 2, 128], strides });
  it.each<[string, () => unknown, ...string[]]>([
    ["nothing", () => undefined, "key, value"],
    ["a tensor alone", () => part(), "key, value", "a Tensor"],
    ["no key", () => ({ value: part() }), "a Tensor for key", "undefined"],
    ["a part that the layout has not", () => ({ latent: part() }), "only key, value", "latent"],
    ["another rank", () => ({ key: device.zeros([4, 16, 256], "bfloat16"), value: part() }), "shape"],
    [
      "another block size",
      () => ({ key: part(), value: device.zeros([4, 32, 2, 128], "bfloat16") }),
      "16, 2, 128",
      "32, 2",
    ],
    [
      "another dtype",
      () => ({ key: device.zeros([4, 16, 2, 128], "float16"), value: part() }),
      "bfloat16",
      "float16",
    ],
    [
      "other numbers of blocks",
      () => ({ key: part(), value: device.zeros([3, 16, 2, 128], "bfloat16") }),
      "4 blocks, as key has",
      "3",
    ],
    ["gaps between elements", () => ({ key: view([32768, 512, 256, 2]), value: part() }), "dense last"],
    ["rows at odd places", () => ({ key: view([32768, 260, 130, 1]), value: part() }), "multiples of 8"],
    [
      "keys and values in different strides",
      () => ({ key: view([8192, 256, 128, 1]), value: view([8192, 128, 2048, 1]) }),
      "as key has",
    ],
    [
      "misaligned memory",
      () => {
        const tensor = device.zeros([2 ** 16], "bfloat16").view({ shape: [1, 16, 2, 128], byteOffset: 8 });
        return { key: tensor, value: tensor };
      },
      "aligned to 16 bytes",
    ],
    ["disposed memory", () => ({ key: dispose(part()), value: part() })],
    [
      "memory of another device",
      () => ({ key: part(), value: other.zeros([4, 16, 2, 128], "bfloat16") }),
      "another",
    ],
    [
      "memory of another device alone",
      () => {
        const tensor = other.zeros([4, 16, 2, 128], "bfloat16");
        return { key: tensor, value: tensor };
      },
      "another",
    ],
  ])("does not wrap %s", (_, tensors, ...words) => {
    const code = words.length > 0 ? "ERR_INVALID_ARGUMENT" : "ERR_DISPOSED";
    expect(() => attention.wrapKvCache(tensors() as never)).toThrow(coded(code, ...words));
  });

  it("refuses absurd sizes without delay", () => {
    for (const [numBlocks, layers] of [
      [1, 40_000_000],
      [2 ** 31 - 1, 2 ** 31 - 1],
    ] as const) {
      expect(() => attention.createKvCache({ numBlocks, layers })).toThrow(coded("ERR_OUT_OF_MEMORY"));
    }
    expect(() => cache.layer("length" as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "layer"));
    expect(() => attention.createKvCache({ numBlocks: "4" } as never)).toThrow(coded("ERR_INVALID_ARGUMENT"));
    expect(() => attention.createKvCache({ numBlocks: 4, layer: 2 } as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "only numBlocks, layers", "layer"),
    );
  });

  it("copies whole blocks in every layer, in the order given", async () => {
    const blockElements = 2 * 16 * 2 * 128;
    for (const index of [0, 1]) {
      const contents = new Uint16Array(4 * blockElements).map(
        (_, i) => 8 * index + Math.floor(i / blockElements),
      );
      await cache.memory(index).write(contents);
    }
    cache.copyBlocks([
      { from: 0, to: 2 },
      { from: 2, to: 3 },
    ]);
    for (const index of [0, 1]) {
      const contents = await bits(index);
      const blocks = [0, 1, 2, 3].map(
        (block) => new Set(contents.subarray(block * blockElements, (block + 1) * blockElements)),
      );
      expect(blocks).toEqual([0, 1, 0, 0].map((block) => new Set([8 * index + block])));
    }
  });

  it("copies blocks of its own only, and otherwise none", async () => {
    const before = await bits(0);
    const wrong = [
      { from: 0, to: 4 },
      { from: -1, to: 0 },
      { from: 0.5, to: 1 },
    ];
    for (const copy of wrong) {
      expect(() => cache.copyBlocks([{ from: 0, to: 1 }, copy])).toThrow(
        coded("ERR_INVALID_ARGUMENT", "between 0 and 3", "copies\\[1\\]"),
      );
    }
    expect(() => cache.copyBlocks([], { stream: other.defaultStream })).toThrow(
      coded("ERR_INVALID_ARGUMENT"),
    );
    expect([...(await bits(0))]).toEqual([...before]);
  });
});
