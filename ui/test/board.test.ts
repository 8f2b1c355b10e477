import { describe, expect, it } from "vitest";
import type { Event } from "@/bindings/Event";
import type { Snapshot } from "@/bindings/Snapshot";
import { upload } from "@/fake/scenes";
import { after, afterAll, beside, cleared, empty, face, sum, type Board } from "@/state/board";

const play = (events: Event[], from: Board = empty()) => events.reduce((board, event) => after(board, event), from);
const seen = (id: number, more: Parameters<typeof upload>[3] = {}): Event => ({ type: "upload", ...upload(id, `${id}.png`, 100, more) });

describe("what the drop zone shows", () => {
  it("moves a file's bar with its bytes and ends with its picture", () => {
    let board = play([seen(1), seen(1, { stage: "sending" }), { type: "progress", id: 1, sent: 40, total: 100 }]);
    expect(face(board)).toBe("working");
    expect(sum(board.uploads)).toEqual({ sent: 40, size: 100 });
    board = play([seen(1, { stage: "done", sent: 100 })], board);
    expect(face(board)).toBe("done");
  });

  it("keeps files in the order they were given, whatever order they come in", () => {
    expect(play([seen(3), seen(1), seen(2)]).uploads.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  it("begins anew with the next drop, and keeps a failure nobody has looked at", () => {
    const over = play([seen(1, { stage: "done" }), seen(2, { stage: "failed" })]);
    expect(face(over)).toBe("mixed");
    const next = play([seen(9, { batch: 2 })], over);
    expect(next.uploads.map(({ id }) => id)).toEqual([2, 9]);
  });

  it("shows a batch's later files beside the ones already done", () => {
    const board = play([seen(1, { stage: "done" }), seen(2)]);
    expect(board.uploads).toHaveLength(2);
  });

  it("waits visibly, and says nothing is copied until it is", () => {
    const board = play([seen(1, { stage: "waiting", waiting: "network" })]);
    expect(face(board)).toBe("waiting");
    expect(board.copied).toEqual([]);
    const settled = play([{ type: "settled", batch: 1, uploads: [upload(1, "1.png", 100, { stage: "done" })], refused: [], copied: true }], board);
    expect(face(settled)).toBe("done");
    expect(settled.copied).toEqual([1]);
  });

  it("asks for a name before it shows what is on its way", () => {
    const board = play([seen(1, { stage: "sending" }), seen(2, { stage: "waiting", waiting: "name" }), seen(3, { stage: "waiting", waiting: "network" })]);
    expect(face(board)).toBe("naming");
    expect(face(play([seen(2, { stage: "cancelled" })], board))).toBe("working");
  });

  it("drops what was cancelled or undone", () => {
    expect(face(play([seen(1), seen(1, { stage: "cancelled" })]))).toBe("idle");
    expect(face(play([seen(1, { stage: "done" }), { type: "gone", id: 1 }]))).toBe("idle");
  });

  it("names what was refused beside what was taken", () => {
    const board = play([seen(1), { type: "refused", refusals: [{ name: "notes.txt", code: "not_an_image", message: "no" }] }, seen(1, { stage: "done" })]);
    expect(face(board)).toBe("mixed");
    expect(board.refused.map(({ name }) => name)).toEqual(["notes.txt"]);
  });

  it("keeps the refused half of a drop beside the half that goes, and lets go of it at the next one", () => {
    const away: Event = { type: "refused", refusals: [{ name: "https://x.example/a.png", code: "bad_request", message: "no" }] };
    const together = play([seen(1, { stage: "done", taken_at: 10_500 })], after(empty(), away, 10_000));
    expect([face(together), together.refused.length]).toEqual(["mixed", 1]);
    const later = play([seen(2, { batch: 2, taken_at: 60_000 })], together);
    expect(later.refused).toEqual([]);
  });

  it("catches up from a snapshot after events were missed", () => {
    const board = play([seen(1, { stage: "sending" }), seen(2, { stage: "sending" }), seen(3)]);
    const snapshot = { open: [upload(2, "2.png", 100, { stage: "failed" }), upload(4, "4.png", 100)], recent: [upload(1, "1.png", 100, { stage: "done" })] } as unknown as Snapshot;
    expect(beside(board, snapshot).uploads.map(({ id, stage }) => [id, stage])).toEqual([[1, "done"], [2, "failed"], [4, "queued"]]);
  });

  it("does not take a snapshot's word for uploads that were told of since it was asked for", () => {
    const before = play([seen(1, { stage: "sending" }), seen(2, { stage: "sending" }), seen(3, { stage: "sending" }), seen(4, { stage: "sending" })]);
    const since: Event[] = [
      { type: "settled", batch: 1, uploads: [upload(1, "1.png", 100, { stage: "done" })], refused: [], copied: true },
      { type: "refused", refusals: [{ name: "notes.txt", code: "not_an_image", message: "no" }] },
      { type: "gone", id: 2 },
      { type: "progress", id: 3, sent: 80, total: 100 },
      { type: "progress", id: 4, sent: 80, total: 100 },
      seen(5),
    ];
    const sending = [1, 2, 3].map((id) => upload(id, `${id}.png`, 100, { stage: "sending", sent: 10 }));
    const snapshot = { open: [...sending, upload(4, "4.png", 100, { stage: "failed", sent: 90 })], recent: [] } as unknown as Snapshot;
    const board = beside(afterAll(before, since), snapshot, since);
    expect(board.uploads.map(({ id, stage, sent }) => [id, stage, sent])).toEqual([[1, "done", 0], [3, "sending", 80], [4, "failed", 90], [5, "queued", 0]]);
    // What is no upload's is told once.
    expect([board.refused.length, board.copied]).toEqual([1, [1]]);
  });

  it("never clears what is still on its way", () => {
    const board = play([seen(1, { stage: "done" }), seen(2, { stage: "failed" }), seen(3, { stage: "sending" })]);
    expect(cleared(board).uploads.map(({ id }) => id)).toEqual([3]);
  });

  it("takes thousands of events in as many steps, and not in as many for each of them", () => {
    const MANY = 4000;
    let looks = 0;
    const counted = (id: number, stage: "queued" | "done"): Event => {
      const one = { type: "upload" as const, ...upload(id, `${id}.png`, 100, { stage }) };
      return Object.defineProperty(one, "stage", { enumerable: true, get: () => ((looks += 1), stage) });
    };
    const numbers = Array.from({ length: MANY }, (_, at) => at + 1);
    const full = afterAll(empty(), numbers.map((id) => counted(id, "queued")));
    expect(full.uploads).toHaveLength(MANY);
    const done = afterAll(full, numbers.map((id) => counted(id, "done")));
    expect(done.uploads.every(({ stage }) => stage === "done")).toBe(true);
    expect(looks).toBeLessThan(40 * MANY);
  });

  it("is the same board after events that change nothing of it", () => {
    const board = play([seen(1)]);
    expect(afterAll(board, [{ type: "status" }, { type: "gone", id: 7 }, { type: "progress", id: 7, sent: 1, total: 2 }])).toBe(board);
  });
});
