import { afterAll, afterEach, describe, expect, it } from "vitest";
import { Device } from "../../../lib/device/device.js";
import { type LaunchCounters, setEmulatorOption, takeLaunchCounters } from "../../../lib/device/emulator.js";
import { Laboratory, lanes, noAssembler } from "../../support/assemble.js";
import { coded } from "../../support/coded.js";
import { onGpu } from "../../support/device.js";
import { memorySnippet } from "../../support/memory-snippets.js";
import { kernargs, noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";

// What is counted of each workgroup, and of a sample of them.

const device = onGpu ? null : Device.open({ emulate: "gfx942" });
afterEach(() => setEmulatorOption("COUNTERS", "off"));
afterAll(() => device?.close());

async function counted(run: () => unknown, level = "full"): Promise<LaunchCounters> {
  setEmulatorOption("COUNTERS", level);
  takeLaunchCounters(device!);
  await run();
  await device!.defaultStream.synchronize();
  setEmulatorOption("COUNTERS", "off");
  const launches = takeLaunchCounters(device!);
  expect(launches.length).toBe(1);
  return launches[0]!;
}

describe.skipIf(onGpu || noAssembler)("a workgroup's waves", () => {
  const load = (register: number, offset: number) =>
    `global_load_dwordx4 v[${register}:${register + 3}], v1, s[8:9] offset:${offset}`;
  const memory = (code: string) => memorySnippet(code, 1, []);
  const scalar = (between: string) => `s_load_dword s20, s[8:9], 0\n${between}\ns_waitcnt lgkmcnt(0)`;
  const snippets = {
    nothing: memory(""),
    together: memory([load(20, 0), load(24, 64), load(28, 128), "s_waitcnt vmcnt(0)"].join("\n")),
    // All three are on their way before the first wait, whose order is that of their issue.
    inOrder: memory(
      [load(20, 0), load(24, 64), load(28, 128), ...[2, 1, 0].map((n) => `s_waitcnt vmcnt(${n})`)].join("\n"),
    ),
    oneByOne: memory([0, 64, 128].flatMap((at) => [load(20, at), "s_waitcnt vmcnt(0)"]).join("\n")),
    // The first is awaited with two on their way, and so are the others: half a latency each, the last one alone.
    ahead: memory(
      [
        ...[load(20, 0), load(24, 64), "s_waitcnt vmcnt(1)"],
        ...[load(20, 128), "s_waitcnt vmcnt(1)", "s_waitcnt vmcnt(0)"],
      ].join("\n"),
    ),
    scalarAtOnce: memory(scalar("")),
    scalarHidden: memory(scalar("s_nop 0\n".repeat(30))),
    scalarInPart: memory(scalar("s_nop 0\n".repeat(9))),
    idleLanes: memory(`s_mov_b64 exec, 0\n${load(20, 0)}\ns_mov_b64 exec, -1\n${load(24, 0)}
s_waitcnt vmcnt(1)\n${load(28, 0)}\ns_waitcnt vmcnt(0)`),
  };
  const laboratory = onGpu || noAssembler ? null : Laboratory.assemble(device!, snippets);
  const inputs = Array.from({ length: 9 }, () => lanes((lane) => 16 * (lane % 4)));
  async function more(name: keyof typeof snippets) {
    const [before] = (await counted(() => laboratory!.run("nothing", inputs))).workgroups!;
    const launch = await counted(() => laboratory!.run(name, inputs));
    const [after] = launch.workgroups!;
    return {
      latencies: Math.round(1e6 * (after!.loadLatencies - before!.loadLatencies)) / 1e6,
      issue: after!.issueClocks - before!.issueClocks,
      launch,
    };
  }

  it("wait one latency for loads that are on their way together", async () => {
    expect((await more("together")).latencies).toBe(1);
    expect((await more("inOrder")).latencies).toBe(1);
    expect((await more("oneByOne")).latencies).toBe(3);
    expect((await more("ahead")).latencies).toBe(1.5);
    // A load without lanes is outstanding like any other, and brings nothing.
    expect((await more("idleLanes")).latencies).toBe(1);
  });

  it("issue an instruction in 4 clocks, and wait for scalar loads that nothing hides", async () => {
    expect((await more("scalarAtOnce")).issue).toBe(2 * 4 + 100 - 4);
    expect((await more("scalarInPart")).issue).toBe(11 * 4 + 100 - 40);
    expect((await more("scalarHidden")).issue).toBe(32 * 4);
  });
});

describe.skipIf(onGpu || noCompiler)("a launch's workgroups", () => {
  /** Adds to 64 floats in each of `workgroups` workgroups; returns which of them have done it. */
  async function add(workgroups: number, level: string) {
    const count = 64 * workgroups;
    using values = device!.zeros([count], "float32");
    using module = device!.loadModule(runtimeKernels("gfx942"));
    const launch = await counted(
      () =>
        device!.defaultStream.launch(module.kernel("add"), {
          ...{ grid: [workgroups], block: 64, kernargs: kernargs(values.pointer, { float: 1 }, count) },
        }),
      level,
    );
    const results = await values.readFloat32();
    const done = Array.from({ length: workgroups }, (_, number) => results[64 * number] === 1);
    return { launch, address: Number(values.pointer), done };
  }

  it("are counted apart, and their sum is the launch", async () => {
    const { launch, address } = await add(40, "full");
    const { workgroups, memory, clocks } = launch;
    expect(workgroups!.map(({ number }) => number)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    const sum = (key: keyof NonNullable<typeof workgroups>[number]) =>
      workgroups!.reduce((all, counts) => all + counts[key], 0);
    expect(sum("vectorClocks")).toBe(clocks.vector);
    expect(sum("lines")).toBe(memory!.lines);
    expect(sum("linesWritten")).toBe(memory!.linesWritten);
    // Each reads its own two lines, and the line of the arguments.
    expect(sum("linesRead")).toBe(40 * 3);
    expect(sum("loadBytes")).toBe(memory!.bytesRead);
    expect(memory!.allocations.find((row) => row.address === address)).toEqual({
      ...{ address, bytes: 40 * 256, linesRead: 80, linesReadShared: 0, linesReadByXcds: 0 },
      ...{ linesWritten: 80, linesWrittenShared: 0 },
    });
    const rest = memory!.allocations.filter((row) => row.address !== address);
    expect(rest).toMatchObject([{ linesRead: 1, linesReadShared: 1, linesReadByXcds: 1, linesWritten: 0 }]);
  });

  it("are one of each range of the grid in a sample, and the others do not run", async () => {
    const { launch, done } = await add(100, "sample:8");
    const numbers = launch.workgroups!.map(({ number }) => number);
    expect(numbers.map((number) => Math.floor((number * 8) / 100))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(done.flatMap((ran, number) => (ran ? [number] : []))).toEqual(numbers);
    expect(new Set(numbers.map((number) => number % 4)).size).toBeGreaterThan(2);
    expect(launch).toMatchObject({ grid: [100, 1, 1], waves: 100, memory: { linesWritten: 16 } });
  });

  it("are all in a sample that has room for them, as in full", async () => {
    const [full, sample] = [await add(5, "full"), await add(5, "sample:6")];
    expect(sample.done).toEqual(Array(5).fill(true));
    expect(sample.launch.workgroups).toEqual(full.launch.workgroups);
  });

  it("are sampled by a number from 1 on", () => {
    for (const level of ["sample", "sample:", "sample:0", "sample:-1", "sample:x"]) {
      expect(() => setEmulatorOption("COUNTERS", level), level).toThrow(coded("ERR_INVALID_ARGUMENT", level));
    }
  });
});
