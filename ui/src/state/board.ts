// What the drop zone shows of the engine's events: the uploads of this sitting, and how their batches ended. Pure; the engine stays the only truth.

import type { Event } from "@/bindings/Event";
import type { Refusal } from "@/bindings/Refusal";
import type { Snapshot } from "@/bindings/Snapshot";
import type { Upload } from "@/bindings/Upload";

export interface Board {
  uploads: Upload[];
  refused: Refusal[];
  /** Batches whose links were put on the clipboard. */
  copied: number[];
  /** When something was last refused, in milliseconds since 1970. */
  refusedAt: number;
}

export const empty = (): Board => ({ uploads: [], refused: [], copied: [], refusedAt: 0 });

/** What is refused and taken within so many milliseconds was given together. */
const TOGETHER = 2000;

const OPEN = new Set(["queued", "sending", "waiting"]);
/** Something still has to happen to it. */
export const open = (upload: Upload): boolean => OPEN.has(upload.stage);

/** A person is to be asked for its name. */
export const unnamed = (upload: Upload): boolean => upload.stage === "waiting" && upload.waiting === "name";

const inOrder = (uploads: Upload[]) => uploads.sort((a, b) => a.batch - b.batch || a.position - b.position);

/** A board that is being changed: what has to be known of all uploads is counted along, so that a thousand events cost a thousand steps. */
class Draft {
  private readonly uploads = new Map<number, Upload>();
  /** How many there are of each batch, and how many are open. */
  private readonly batches = new Map<number, number>();
  private moving = 0;
  private sorted = true;
  private changed = false;
  private readonly next: Omit<Board, "uploads">;

  constructor(private readonly from: Board) {
    for (const upload of from.uploads) {
      this.count(upload, 1);
      this.uploads.set(upload.id, upload);
    }
    this.next = { refused: from.refused, copied: from.copied, refusedAt: from.refusedAt };
  }

  private count({ batch, stage }: Upload, by: 1 | -1): void {
    this.batches.set(batch, (this.batches.get(batch) ?? 0) + by);
    if (OPEN.has(stage)) this.moving += by;
  }

  remove(id: number): void {
    const known = this.uploads.get(id);
    if (!known) return;
    this.count(known, -1);
    this.uploads.delete(id);
    this.changed = true;
  }

  put(upload: Upload): void {
    if (upload.stage === "cancelled") return this.remove(upload.id);
    const known = this.uploads.get(upload.id);
    // What is new after everything had settled begins a new sitting; failures stay until somebody has looked.
    if (!known && this.moving === 0 && !this.batches.get(upload.batch)) {
      for (const one of this.uploads.values()) if (one.stage !== "failed") this.remove(one.id);
      if (Math.abs(upload.taken_at - this.next.refusedAt) > TOGETHER) this.next.refused = [];
    }
    if (known) this.count(known, -1);
    this.count(upload, 1);
    if (known?.batch !== upload.batch || known.position !== upload.position) this.sorted = false;
    this.uploads.set(upload.id, upload);
    this.changed = true;
  }

  sent(id: number, sent: number, size: number): void {
    const known = this.uploads.get(id);
    if (known) this.put({ ...known, sent, size });
  }

  refuse(refusals: Refusal[], now: number): void {
    this.next.refused = this.moving > 0 ? [...this.next.refused, ...refusals] : refusals;
    this.next.refusedAt = now;
    this.changed = true;
  }

  settle(batch: number, copied: boolean): void {
    if (!copied) return;
    this.next.copied = [...this.next.copied.filter((other) => other !== batch), batch];
    this.changed = true;
  }

  done(): Board {
    if (!this.changed) return this.from;
    const uploads = [...this.uploads.values()];
    return { ...this.next, uploads: this.sorted ? uploads : inOrder(uploads) };
  }
}

/** As {@link afterAll}, of one. */
export const after = (board: Board, event: Event, now: number = Date.now()): Board => afterAll(board, [event], now);

/** The board after several events that came now; the same one where they change nothing of it. */
export function afterAll(board: Board, events: readonly Event[], now: number = Date.now()): Board {
  const draft = new Draft(board);
  for (const event of events) {
    switch (event.type) {
      case "upload": {
        const { type: _, ...upload } = event;
        draft.put(upload);
        break;
      }
      case "progress":
        draft.sent(event.id, event.sent, event.total);
        break;
      case "gone":
        draft.remove(event.id);
        break;
      case "refused":
        draft.refuse(event.refusals, now);
        break;
      case "settled":
        for (const upload of event.uploads) draft.put(upload);
        draft.settle(event.batch, event.copied);
        break;
    }
  }
  return draft.done();
}

/**
 * The board beside a new snapshot: what is open or failed is there, what it lost sight of is not. What was told `since` it was asked for, and
 * is on the board already, may be newer than the snapshot: of those uploads the board has the last word.
 */
export function beside(board: Board, snapshot: Snapshot, since: readonly Event[] = []): Board {
  const told = new Map([...snapshot.open, ...snapshot.recent].map((upload) => [upload.id, upload]));
  const newer = new Set<number>();
  for (const event of since) {
    if (event.type === "upload" || event.type === "gone") newer.add(event.id);
    else if (event.type === "settled") for (const { id } of event.uploads) newer.add(id);
    else if (event.type === "progress") {
      const now = told.get(event.id);
      // Bytes say nothing of how it stands: one whose end was missed stays at its end.
      if (now?.stage === "sending") told.set(event.id, { ...now, sent: event.sent, size: event.total });
    }
  }
  for (const id of newer) told.delete(id);
  const kept = board.uploads
    .filter(({ id, stage }) => newer.has(id) || told.has(id) || stage === "done")
    .map((upload) => told.get(upload.id) ?? upload);
  const known = new Set(board.uploads.map(({ id }) => id));
  const added = snapshot.open.flatMap(({ id }) => (known.has(id) ? [] : (told.get(id) ?? [])));
  return { ...board, uploads: inOrder([...kept, ...added].filter((upload) => upload.stage !== "cancelled")) };
}

/** Without what is over; open uploads stay, because a look away does not end them. */
export const cleared = (board: Board): Board => ({ ...empty(), uploads: board.uploads.filter(open) });

export type Face = "idle" | "naming" | "working" | "waiting" | "mixed" | "done";

/** Which of its faces the drop zone shows. */
export function face({ uploads, refused }: Board): Face {
  // Somebody sits in front of it and is asked; what is on its way meanwhile needs nobody.
  if (uploads.some(unnamed)) return "naming";
  if (uploads.some((upload) => upload.stage === "queued" || upload.stage === "sending")) return "working";
  if (uploads.some((upload) => upload.stage === "waiting")) return "waiting";
  if (uploads.some((upload) => upload.stage === "failed")) return "mixed";
  if (uploads.length > 0) return refused.length > 0 ? "mixed" : "done";
  return "idle";
}

/** Bytes of the whole sitting. */
export function sum(uploads: Upload[]): { sent: number; size: number } {
  return uploads.reduce(
    (all, upload) => ({ sent: all.sent + (upload.stage === "done" ? upload.size : Math.min(upload.sent, upload.size)), size: all.size + upload.size }),
    { sent: 0, size: 0 },
  );
}
