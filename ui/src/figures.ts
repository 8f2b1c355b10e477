// Numbers as people read them.

import { t } from "./i18n";

const STEPS = [
  ["bytes.gb", 1e9, 2],
  ["bytes.mb", 1e6, 1],
  ["bytes.kb", 1e3, 0],
] as const;

/** A format for each language, made when it is first wanted: making one takes up to a millisecond, and a list would make hundreds. */
export function perLanguage<F>(make: (tag: string) => F): (tag: string) => F {
  const made = new Map<string, F>();
  return (tag) => {
    const known = made.get(tag) ?? make(tag);
    made.set(tag, known);
    return known;
  };
}

// English and Chinese write numbers and the time of day alike. By hand, since the first format of the browser's own takes a tenth of the time
// until a window is drawn.
const round = (value: number, digits: 0 | 1 | 2) => value.toFixed(digits).replace(/\B(?=(?:\d{3})+(?:\.|$))/g, ",");

/** `12,842`: as the windows' languages have it and not the system's, which may group nothing. */
export const grouped = (count: number): string => round(count, 0);

function unit(of: number) {
  return STEPS.find(([, size]) => of >= size);
}

/** `83 kB`, `4.6 MB`. */
export function bytes(count: number): string {
  const step = unit(count);
  return step ? t(step[0], { n: round(count / step[1], step[2]) }) : t("bytes.b", { n: count });
}

/** `2.1 of 3.3 MB`, both in the unit of the whole. */
export function share(sent: number, total: number): string {
  const step = unit(total);
  const part = step ? round(Math.min(sent, total) / step[1], step[2]) : String(sent);
  return t("bytes.of", { sent: part, total: bytes(total) });
}

/** Whole percent; 100 only when everything is there. */
export const percent = (sent: number, total: number): number => (total === 0 ? 0 : Math.min(sent >= total ? 100 : 99, Math.floor((sent / total) * 100)));

/** `14:40`. */
export function clock(at: number): string {
  const time = new Date(at);
  return [time.getHours(), time.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
}
