// Days as headings: where each begins in the list, and what it is called.

import { perLanguage } from "@/figures";
import { language, t } from "@/i18n";

export interface Day {
  /** Midnight at its beginning, in milliseconds since 1970. */
  start: number;
  /** Index of its newest upload. */
  from: number;
  count: number;
}

const midnight = (at: number): number => new Date(at).setHours(0, 0, 0, 0);

/** `taken` is newest first. A clock that was set back opens no second heading for the same day further down than it must. */
export function days(taken: ArrayLike<number>): Day[] {
  const found: Day[] = [];
  let last: Day | undefined;
  for (let at = 0; at < taken.length; at += 1) {
    const when = taken[at]!;
    if (last === undefined || when < last.start) {
      last = { start: midnight(when), from: at, count: 0 };
      found.push(last);
    }
    last.count += 1;
  }
  return found;
}

const named = {
  this: perLanguage((tag) => new Intl.DateTimeFormat(tag, { weekday: "long", day: "numeric", month: "long" })),
  other: perLanguage((tag) => new Intl.DateTimeFormat(tag, { weekday: "long", day: "numeric", month: "long", year: "numeric" })),
};
/** `Today`, `Thursday 19 November`, with the year where it is another one. */
export function dayName(start: number, now: number): string {
  const today = midnight(now);
  if (start === today) return t("library.today");
  if (start === midnight(today - 1)) return t("library.yesterday");
  const year = new Date(start).getFullYear() === new Date(now).getFullYear() ? "this" : "other";
  return named[year](tag()).format(start);
}

/** English as the rest of the windows writes it: day before month. */
export const tag = (): string => (language() === "en" ? "en-GB" : language());

const moments = perLanguage(
  (tag) => new Intl.DateTimeFormat(tag, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false }),
);
/** `Sat 28 Nov, 14:32`. */
export const moment = (at: number): string => moments(tag()).format(at);

const seconds = perLanguage((tag) => new Intl.DateTimeFormat(tag, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }));
/** `14:32:07`. */
export const second = (at: number): string => seconds(tag()).format(at);
