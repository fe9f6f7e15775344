import { log } from "../log.js";
import type { Explanation } from "../selection/explanation.js";
import { explanationLine, variableText } from "../selection/text.js";

const announced = new Set<string>();

/** Tells the logger of a choice, and of variables that do not act as their value suggests, once per distinct configuration. */
export function announce(explanation: Explanation): void {
  const choice = explanationLine(explanation);
  const warnings = explanation.variables.filter(({ level }) => level === "warning").map(variableText);
  const key = JSON.stringify([explanation.config, choice, warnings]);
  if (announced.has(key)) return;
  announced.add(key);
  for (const warning of warnings) log("warn", warning);
  log("info", choice);
}
