import { describe, expect, it } from "vitest";
import { createSampler } from "../../../lib/cli/demo/sampler.js";

const logits = Float32Array.from([Math.log(0.1), Math.log(0.6), Math.log(0.3)]);

describe("createSampler", () => {
  it("takes the largest logit at temperature 0", () => {
    expect(createSampler(0, 1)(logits)).toBe(1);
  });

  it("draws each byte as often as its probability says", () => {
    const frequencies = (temperature: number) => {
      const sample = createSampler(temperature, 5);
      const counts = [0, 0, 0];
      for (let i = 0; i < 20_000; i++) counts[sample(logits)]! += 1 / 20_000;
      return counts;
    };
    for (const temperature of [1, 0.5]) {
      const powers = [0.1, 0.6, 0.3].map((probability) => probability ** (1 / temperature));
      const total = powers.reduce((sum, power) => sum + power);
      frequencies(temperature).forEach((frequency, i) => {
        expect(frequency).toBeCloseTo(powers[i]! / total, 1.5);
      });
    }
  });

  it("draws the same with the same seed, and something else with another", () => {
    const draw = (seed: number) => {
      const sample = createSampler(1, seed);
      return Array.from({ length: 40 }, () => sample(logits)).join("");
    };
    expect(draw(3)).toBe(draw(3));
    expect(draw(3)).not.toBe(draw(4));
  });
});
