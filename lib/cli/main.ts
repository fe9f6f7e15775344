#!/usr/bin/env node
import { RocmAttentionError } from "../errors.js";
import { buildProgram, withLongOptions } from "./program.js";

// Whoever reads may have had enough: `rocm-attention demo | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

buildProgram()
  .parseAsync(withLongOptions(process.argv.slice(2)), { from: "user" })
  .catch((error: unknown) => {
    if (!(error instanceof RocmAttentionError)) throw error;
    console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
  });
