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

function put(board: Board, upload: Upload): Board {
  const known = board.uploads.some((other) => other.id === upload.id);
  if (upload.stage === "cancelled") return { ...board, uploads: board.uploads.filter((other) => other.id !== upload.id) };
  // What is new after everything had settled begins a new sitting; failures stay until somebody has looked.
  const fresh = !known && !board.uploads.some((other) => open(other) || other.batch === upload.batch);
  const kept = board.uploads.filter((other) => other.id !== upload.id && (!fresh || other.stage === "failed"));
  const refused = fresh && Math.abs(upload.taken_at - board.refusedAt) > TOGETHER ? [] : board.refused;
  return { ...board, refused, uploads: inOrder([...kept, upload]) };
}

/** The board after an event that came now. */
export function after(board: Board, event: Event, now: number = Date.now()): Board {
  switch (event.type) {
    case "upload": {
      const { type: _, ...upload } = event;
      return put(board, upload);
    }
    case "progress":
      return { ...board, uploads: board.uploads.map((upload) => (upload.id === event.id ? { ...upload, sent: event.sent, size: event.total } : upload)) };
    case "gone":
      return { ...board, uploads: board.uploads.filter((upload) => upload.id !== event.id) };
    case "refused":
      return { ...board, refused: board.uploads.some(open) ? [...board.refused, ...event.refusals] : event.refusals, refusedAt: now };
    case "settled": {
      const uploads = event.uploads.reduce(put, board).uploads;
      return { ...board, uploads, copied: event.copied ? [...board.copied.filter((batch) => batch !== event.batch), event.batch] : board.copied };
    }
    default:
      return board;
  }
}

/** The board beside a new snapshot: what is open or failed is there, what it lost sight of is not. */
export function beside(board: Board, snapshot: Snapshot): Board {
  const told = new Map([...snapshot.open, ...snapshot.recent].map((upload) => [upload.id, upload]));
  const kept = board.uploads.map((upload) => told.get(upload.id) ?? upload).filter((upload) => told.has(upload.id) || upload.stage === "done");
  const added = snapshot.open.filter((upload) => upload.stage !== "cancelled" && !board.uploads.some((other) => other.id === upload.id));
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
