import { Command } from "commander";
import { columns, painter, terminal } from "./terminal.js";

/** `rocm-attention doctor`: whether attention works on this machine, and if not, what to type next. */
export function doctorCommand(version: string): Command {
  return new Command("doctor")
    .description("check that attention works on this machine: HIP, devices, kernels, numbers")
    .option("--json", "print one JSON object")
    .action(async ({ json }: { json?: true }) => {
      // Loads the addon: not before somebody asks for it.
      const { runChecks } = await import("./doctor/checks.js");
      const checks = await runChecks();
      const problem = checks.find(({ state }) => state === "problem");
      const works = problem === undefined;
      if (json) console.log(JSON.stringify({ works, next: problem?.next ?? null, version, checks }, null, 2));
      else console.log(toText(checks, version));
      if (!works) process.exitCode = 1;
    });
}

type Checks = Awaited<ReturnType<typeof import("./doctor/checks.js").runChecks>>;

function toText(checks: Checks, version: string): string {
  const { color, width } = terminal();
  const paint = painter(color);
  const marks = {
    ok: paint("green", "ok"),
    info: "--",
    warning: paint("yellow", " !"),
    problem: paint("red", "no"),
  };
  const rows = checks.map(({ title, state, text, details }) => ({
    name: `${marks[state]}  ${title}`,
    text,
    below: details,
  }));
  const problems = checks.filter(({ state }) => state === "problem");
  // What is merely amiss comes up where nothing else does.
  const steps = new Set((problems.length > 0 ? problems : checks).flatMap(({ next }) => next ?? []));
  const commands = [...steps].map((step) => `  ${paint("bold", step)}`).join("\n");
  const works = paint("green", "Attention works here.");
  const verdict =
    problems.length > 0
      ? `${paint("red", "Attention does not work here.")} Next:\n\n${commands}`
      : commands === ""
        ? works
        : `${works} To mend what is amiss:\n\n${commands}`;
  const title = `rocm-attention ${version}, Node.js ${process.version}, ${process.platform}-${process.arch}`;
  return `${title}\n\n${columns(rows, width).join("\n")}\n\n${verdict}`;
}
