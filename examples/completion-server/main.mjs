// An HTTP completion server with the demo's model. Several clients write in one continuous batch. Outside of a clone it needs
// hono, @hono/node-server and @rocm-attention/demo-models beside this package.
//
//     node examples/completion-server/main.mjs          then open http://127.0.0.1:8000
//     PORT=9000 MODEL=mla node examples/completion-server/main.mjs
//
//     curl http://127.0.0.1:8000/v1/completions -H "content-type: application/json" \
//       -d '{ "model": "austen-gqa", "prompt": "Emma was ", "max_tokens": 50, "stream": true }'
import { serve } from "@hono/node-server";
import { LanguageModel } from "../../dist/cli/demo/model.js";
import { requireModel } from "../../dist/cli/demo/model-file.js";
import { openDevice } from "../../dist/cli/demo/open-device.js";
import { Engine } from "./engine.mjs";
import { createServer } from "./server.mjs";

const kind = process.env.MODEL ?? "gqa";
const name = `austen-${kind}`;
const device = openDevice();
const limits = {
  maxSequences: 8,
  maxTokens: 32,
  maxLength: 512,
  numBlocks: Number(process.env.BLOCKS ?? 96),
};
const engine = await Engine.create(device, LanguageModel.load(requireModel(kind)), limits);

// Clients of this machine alone: there are no keys, and no limit to what one client may ask for.
const options = { hostname: "127.0.0.1", port: Number(process.env.PORT ?? 8000) };
const server = serve({ ...options, fetch: createServer(engine, name).fetch }, ({ port }) =>
  console.log(`http://127.0.0.1:${port}: ${name}, ${engine.made.attention.backend} on ${device.info.name}`),
);

// The first signal lets what is under way end, the second ends the process.
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    server.close(async () => {
      await engine.drain();
      await device.close();
    });
  });
}
