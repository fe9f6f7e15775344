/** The features that a kernel may have beside plain causal attention, and that a configuration can ask for. */
export const FEATURES = ["slidingWindow", "alibi", "logitsSoftCap", "sinks"] as const;
/** A feature beside plain causal attention. */
export type Feature = (typeof FEATURES)[number];

/** The features in words. */
export const FEATURE_NAMES: Readonly<Record<Feature, string>> = {
  slidingWindow: "a sliding window",
  alibi: "ALiBi slopes",
  logitsSoftCap: "a logits soft cap",
  sinks: "attention sinks",
};
