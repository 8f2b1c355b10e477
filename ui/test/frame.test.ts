import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

// The other tests take another one; this is the one that windows have.
vi.resetModules();
const visibility = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
const { frame } = await import("@/state/frame");
const { seen } = await import("@/state/seen");

/** What waits for the next picture, as a browser keeps it: a hidden page keeps all of it. */
const waiting = new Map<number, FrameRequestCallback>();
let asked = 0;
const draw = () => {
  const now = [...waiting.values()];
  waiting.clear();
  for (const run of now) run(0);
};

beforeEach(() => {
  // Mocks are restored after each test; the page of this file begins unseen.
  visibility.mockReturnValue(seen.value ? "visible" : "hidden");
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  waiting.clear();
  vi.stubGlobal("requestAnimationFrame", (run: FrameRequestCallback) => (waiting.set(++asked, run), asked));
  vi.stubGlobal("cancelAnimationFrame", (id: number) => waiting.delete(id));
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("what waits for the next picture", () => {
  it("comes with it, in order and once", () => {
    const ran: string[] = [];
    frame.next(() => ran.push("first"));
    frame.next(() => ran.push("second"));
    expect(ran).toEqual([]);
    draw();
    expect(ran).toEqual(["first", "second"]);
    vi.advanceTimersByTime(10_000);
    draw();
    expect(ran).toEqual(["first", "second"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("comes in a page nobody sees too, a quarter of a second later at most, in order and once", () => {
    const ran: string[] = [];
    frame.next(() => ran.push("first"));
    vi.advanceTimersByTime(100);
    frame.next(() => ran.push("second"));
    vi.advanceTimersByTime(149);
    expect(ran).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ran).toEqual(["first"]);
    vi.advanceTimersByTime(100);
    expect(ran).toEqual(["first", "second"]);
    draw();
    expect(ran).toEqual(["first", "second"]);
  });

  it("leaves nothing behind in a page that is hidden for long", () => {
    let ran = 0;
    for (let at = 0; at < 1000; at += 1) {
      frame.next(() => (ran += 1));
      vi.advanceTimersByTime(250);
    }
    expect([ran, waiting.size, vi.getTimerCount()]).toEqual([1000, 0, 0]);
  });

  it("may ask for the picture after it", () => {
    const ran: number[] = [];
    const again = () => {
      if (ran.push(ran.length) < 3) frame.next(again);
    };
    frame.next(again);
    draw();
    expect(ran).toEqual([0]);
    vi.advanceTimersByTime(250);
    draw();
    expect(ran).toEqual([0, 1, 2]);
  });

  it("waits with what nobody needs until the page is seen", () => {
    let ran = 0;
    frame.after(() => (ran += 1));
    vi.advanceTimersByTime(10_000);
    draw();
    vi.advanceTimersByTime(10_000);
    expect([ran, seen.value]).toEqual([0, false]);
    visibility.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    expect([ran, seen.value]).toEqual([0, true]);
    draw();
    vi.advanceTimersByTime(1);
    expect(ran).toBe(1);
    // Who is hidden once more does not forget what was seen.
    visibility.mockReturnValue("hidden");
    frame.after(() => (ran += 1));
    vi.advanceTimersByTime(251);
    expect(ran).toBe(2);
  });
});
