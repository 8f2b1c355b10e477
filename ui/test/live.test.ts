import { flushPromises } from "@vue/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Upload } from "@/bindings/Upload";
import { answers, tell } from "@/fake/ipc";
import { scene, upload } from "@/fake/scenes";
import * as boards from "@/state/board";
import { frame } from "@/state/frame";
import { begin, board } from "@/state/live";

const present = await scene(new URLSearchParams()).snapshot!();
const one = (id: number, stage: Upload["stage"]) => upload(id, `${id}.png`, 100, { stage });
const shown = () => board.value.uploads.map(({ id, stage }) => [id, stage]);
/** A snapshot that is made when it is asked for, and comes when the answer is called. */
const slow = (open: Upload[]) => {
  const made = { ...present, open, recent: [] };
  const on = { answer: () => {} };
  answers.snapshot = () => new Promise((done) => (on.answer = () => done(made)));
  return on;
};

await begin();
beforeEach(() => {
  board.value = boards.empty();
});

describe("the present", () => {
  it.each([["was drawn before", true], ["waits for the next picture", false]])("is not set back by a snapshot that comes after the end of an upload, which %s", async (_, drawn) => {
    tell("engine", { type: "upload", ...one(1, "sending") });
    tell("engine", { type: "upload", ...one(2, "sending") });
    await flushPromises();
    const snapshot = slow([one(1, "sending"), one(2, "waiting")]);
    tell("missed", null);
    await flushPromises();
    if (!drawn) vi.spyOn(frame, "next").mockImplementation(() => {});
    tell("engine", { type: "upload", ...one(1, "done") });
    tell("engine", { type: "settled", batch: 1, uploads: [one(1, "done")], refused: [], copied: true });
    await flushPromises();
    expect(shown()[0]).toEqual([1, drawn ? "done" : "sending"]);
    snapshot.answer();
    await flushPromises();
    expect(shown()).toEqual([[1, "done"], [2, "waiting"]]);
    expect(board.value.copied).toEqual([1]);
  });

  it("is what the next snapshot says, whatever was told before that was asked for", async () => {
    const first = slow([]);
    tell("missed", null);
    await flushPromises();
    tell("engine", { type: "upload", ...one(1, "sending") });
    tell("engine", { type: "upload", ...one(2, "sending") });
    // Some were missed again: that look follows the first.
    tell("missed", null);
    first.answer();
    const second = slow([one(2, "failed")]);
    await flushPromises();
    expect(shown()).toEqual([[1, "sending"], [2, "sending"]]);
    second.answer();
    await flushPromises();
    expect(shown()).toEqual([[2, "failed"]]);
  });
});
