#!/usr/bin/env node
import { runCommand } from "./program.js";

// Whoever reads may have had enough: `rocm-attention demo | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

void runCommand(process.argv.slice(2));
