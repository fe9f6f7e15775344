import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";

const main = fileURLToPath(new URL("../../examples/completion-server/main.mjs", import.meta.url));

/** The state of the server that its page shows. */
export interface ServerState {
  readonly numBlocks: number;
  readonly freeBlocks: number;
  readonly sequences: readonly { readonly id: number; readonly blocks: readonly number[] }[];
  readonly steps: number;
  readonly preemptions: number;
  readonly prefixes: { readonly hitBlocks: number };
  readonly kernels: readonly { readonly id: string; readonly launches: number }[];
}

/** The example's server in a process of its own, on an emulated GPU, with so many blocks. */
export async function startServer(blocks: number) {
  const child = spawn(process.execPath, [main], {
    env: { ...process.env, ROCM_ATTENTION_DEVICE: "emulator:gfx942", PORT: "0", BLOCKS: `${blocks}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
        if (found) resolve(found[0]);
      });
    }
    child.on("exit", () => reject(new Error(said)));
  });
  const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
  return {
    url,
    client: new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 }),
    state: async () => (await (await fetch(`${url}/state`)).json()) as ServerState,
    /** Ends it as a terminal does; gives what it said besides its address, and its status. */
    async stop() {
      child.kill("SIGTERM");
      return { status: await ended, said: said.split("\n").slice(1).join("\n") };
    },
  };
}
