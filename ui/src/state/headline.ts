// What uploads come to in one line: the drop zone's head, and what other windows say of what was given to them. What failed comes first: a
// line that is too narrow loses its end.

import type { Upload } from "@/bindings/Upload";
import { percent } from "@/figures";
import { many, t } from "@/i18n";
import { open, sum, type Board, type Face } from "./board";

/** What failed, and what was refused: none of it is where it should be. */
export const bad = ({ uploads, refused }: Board): number => uploads.filter(({ stage }) => stage === "failed").length + refused.length;

/** Another picture is being made of it, and takes its time; nothing travels yet. */
export const making = ({ stage, message }: Upload): boolean => stage === "sending" && message !== null;

export function headline(board: Board, face: Face, paused: boolean): string {
  const { uploads } = board;
  const of = (stage: string) => uploads.filter((upload) => upload.stage === stage);
  const [done, waiting, wrong] = [of("done"), of("waiting"), bad(board)];
  const failed = wrong > 0 ? many("wait.failed", wrong) : null;
  const listed = (...parts: (string | null)[]) => parts.filter(Boolean).join(" · ");
  if (face === "working") {
    const moving = uploads.filter(open);
    if (moving.every(making)) return listed(failed, moving[0]?.message ?? "");
    if (paused) return listed(failed, many("work.paused", moving.length));
    const at = Math.min(done.length + of("failed").length + 1, uploads.length);
    const { sent, size } = sum(uploads);
    return t(failed ? "work.failing" : "work.title", { failed, at, all: uploads.length, percent: percent(sent, size) });
  }
  // Batches whose links are on the clipboard.
  const alongside = new Set(board.copied);
  const copied = done.filter(({ batch }) => alongside.has(batch)).length;
  const good = done.length === 0 ? null : copied > 0 ? many("done.copied", copied) : many("done.uploaded", done.length);
  if (face === "waiting" && (good || failed)) return listed(failed, good, many("wait.some", waiting.length));
  if (face === "waiting") return t(`wait.${waiting[0]?.waiting ?? "network"}`);
  if (good) return listed(failed, good);
  return of("failed").length > 0 ? many("mixed.failed", wrong) : many("drop.refused", wrong);
}
