import { describe, expect, it } from "vitest";
import { bandOf, beside, lay } from "@/parts/reel";

const sections = [{ head: "today", from: 0, count: 5 }, { head: "before", from: 5, count: 4, high: 62 }];

describe("a long list", () => {
  it("is laid out in rows below headings, each of its own height, and says where more is coming", () => {
    const bands = lay(sections, 3, 100, true);
    expect(bands).toEqual([
      { head: "today", high: 40 }, { from: 0, to: 3, high: 100 }, { from: 3, to: 5, high: 100 },
      { head: "before", high: 40 }, { from: 5, to: 8, high: 62 }, { from: 8, to: 9, high: 62 }, { end: true, high: 36 },
    ]);
  });

  it("knows the row of each entry, also of the last one before a heading", () => {
    const bands = lay(sections, 3, 100, true);
    expect([0, 2, 3, 4, 5, 7, 8, 9, -1].map((at) => bandOf(bands, at))).toEqual([1, 1, 2, 2, 4, 4, 5, -1, -1]);
    expect(bandOf([], 0)).toBe(-1);
    const many = lay([{ head: "all", from: 0, count: 100_000 }], 1, 36);
    for (const at of [0, 1, 49_999, 99_999]) expect(bandOf(many, at)).toBe(at + 1);
  });

  it("leads up and down over headings and rows that are not full", () => {
    const bands = lay(sections, 3, 100);
    expect(beside(bands, 2, 1)).toBe(4);
    expect(beside(bands, 4, 1)).toBe(6);
    expect(beside(bands, 5, -1)).toBe(3);
    expect(beside(bands, 0, -1)).toBe(0);
    expect(beside(bands, 8, 1)).toBe(8);
  });
});
