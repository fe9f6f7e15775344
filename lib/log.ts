import { invalidArgument } from "./errors.js";

/** The weight of a message. */
export type LogLevel = "error" | "warn" | "info" | "debug";

/** Receives what the package has to tell. It must not throw; what it throws is swallowed. */
export type Logger = (level: LogLevel, message: string) => void;

let logger: Logger | null = null;

/** Sets who hears the package's messages in this thread; `null` (the default) means that nobody does. */
export function setLogger(receiver: Logger | null): void {
  if (receiver !== null && typeof receiver !== "function") {
    throw invalidArgument("logger", "a function or null", receiver);
  }
  logger = receiver;
}

/** Tells the logger, if there is one. */
export function log(level: LogLevel, message: string): void {
  if (logger === null) return;
  try {
    logger(level, message);
  } catch {
    // A logger's own trouble must not change what the package does.
  }
}
