// Two copies of the package in one process, as an installation with two versions has them: each works, and neither takes
// the other's objects.
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as first from "../../../dist/index.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
try {
  for (const part of ["dist", "package.json", "build/Release"]) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const second = await import(pathToFileURL(join(folder, "dist/index.js")));
  const open = ({ Device }) => Device.open({ emulate: "gfx942", computeUnits: 2, memoryBytes: 2 ** 28 });
  const [device, other] = [open(first), open(second)];
  const tensor = other.zeros([2], "float32");
  const refusals = [
    () => first.Stream.fromHandle(other, 0n),
    () => first.peerCopy(device.zeros([2], "float32"), tensor),
    () => device.zeros([2], "float32", { stream: other.defaultStream }),
    () => second.Tensor.fromPointer(device, tensor.pointer, {}),
  ];
  for (const refused of refusals) {
    try {
      refused();
      console.log("taken");
    } catch ({ code, message }) {
      console.log(code, message.replace(/.*received /, ""));
    }
  }
  console.log(...(await device.zeros([2], "int32").read()), ...(await tensor.read()));
  await Promise.all([device.close(), other.close()]);
} finally {
  rmSync(folder, { recursive: true });
}
