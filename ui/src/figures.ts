// Numbers as people read them.

import { language, t } from "./i18n";

const STEPS = [
  ["bytes.gb", 1e9, 2],
  ["bytes.mb", 1e6, 1],
  ["bytes.kb", 1e3, 0],
] as const;

const round = (value: number, digits: number) =>
  new Intl.NumberFormat(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** `12,842`: by the language of the windows and not by the system's, which may group nothing. */
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
export const clock = (at: number): string => new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit", hour12: false }).format(at);
