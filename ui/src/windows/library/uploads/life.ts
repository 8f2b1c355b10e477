// How long a link still opens, as an arc, a sign and words. Pure.

import type { Upload } from "@/bindings/Upload";
import type { IconName } from "@/parts/icons";
import { t } from "@/i18n";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** The arc is what is left of seven days, the longest a signature lives. */
const WHOLE = 7 * DAY;
/** Length of the arc's circle, radius 5. */
const CIRCLE = 31.4;

export type Kind = "public" | "closed" | "here" | "ended" | "soon" | "open";

export interface Life {
  kind: Kind;
  /** For public, not public, only here and ended; the others show an arc. */
  icon: IconName | null;
  /** Of the arc, as `stroke-dasharray` takes it. */
  arc: string;
  /** `7 d`, `5 h`, `public`. */
  short: string;
  /** `Opens for 7 days`. */
  long: string;
}

/** `null` for what has no link yet. */
export function life(upload: Pick<Upload, "stage" | "expires_at" | "place" | "closed">, now: number): Life | null {
  if (upload.stage !== "done") return null;
  const sign = (kind: Kind, icon: IconName): Life => ({ kind, icon, arc: "0", short: t(`library.life.${kind}`), long: t(`library.life-long.${kind}`) });
  if (upload.expires_at === null && upload.closed) return sign("closed", "lock");
  if (upload.expires_at === null) return upload.place.only_here ? sign("here", "monitor") : sign("public", "globe");
  const left = upload.expires_at - now;
  if (left <= 0) return sign("ended", "refresh");
  const arc = Math.max(0.9, Math.min(1, left / WHOLE) * CIRCLE).toFixed(1);
  const soon = left <= DAY;
  const [unit, n] = left < HOUR ? ["minutes", Math.ceil(left / 60_000)] : left < 2 * DAY ? ["hours", Math.round(left / HOUR)] : ["days", Math.round(left / DAY)];
  return { kind: soon ? "soon" : "open", icon: null, arc, short: t(`library.short.${unit}`, { n }), long: t(`library.opens.${unit}`, { n }, n as number) };
}
