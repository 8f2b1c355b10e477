import { expect, it } from "vitest";
import { rate, sampled, type Sample } from "@/state/rate";

const after = (...all: [number, number][]) => all.reduce<Sample[]>((samples, [at, sent]) => sampled(samples, { at, sent }), []);

it("says nothing before there is something to tell", () => {
  expect(rate([])).toBeNull();
  expect(rate(after([0, 0], [500, 900_000]))).toBeNull();
  expect(rate(after([0, 5], [2000, 5]))).toBeNull();
});

it("tells the last seconds and not the whole way", () => {
  expect(rate(after([0, 0], [1000, 1_000_000]))).toBe(1_000_000);
  expect(rate(after([0, 0], [1000, 9_000_000], [4500, 9_000_000], [5500, 9_100_000]))).toBe(100_000);
});

it("begins anew where an upload does", () => {
  expect(rate(after([0, 0], [1000, 1_000_000], [1100, 0]))).toBeNull();
});
