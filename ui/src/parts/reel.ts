// How a long list is laid out: entries in rows below headings. Pure; Reel.vue draws it.

/** Entries that follow one another, with or without a heading of their own. */
export interface Section<H> {
  head?: H;
  /** Place of the first of them in the whole list. */
  from: number;
  count: number;
  /** Height of a row of theirs, where it is not that of all others. */
  high?: number;
}

export type Band<H> = { head: H; high: number } | { from: number; to: number; high: number } | { end: true; high: number };

export const HEAD = 40;
export const LINE = 36;

/** The rows of it all, from top to bottom. `end` adds one that says that more is coming. */
export function lay<H>(sections: readonly Section<H>[], columns: number, high: number, end = false): Band<H>[] {
  const bands: Band<H>[] = [];
  for (const section of sections) {
    if (section.head !== undefined) bands.push({ head: section.head, high: HEAD });
    const last = section.from + section.count;
    for (let from = section.from; from < last; from += columns) bands.push({ from, to: Math.min(from + columns, last), high: section.high ?? high });
  }
  if (end) bands.push({ end: true, high: LINE });
  return bands;
}

/** The row that holds that entry, -1 where there is none. */
export function bandOf<H>(bands: readonly Band<H>[], at: number): number {
  let [low, high] = [0, bands.length - 1];
  // Headings know no places: they count with the row that follows them.
  const begins = (index: number): number => {
    for (let next = index; next < bands.length; next += 1) {
      const band = bands[next]!;
      if ("from" in band) return band.from;
    }
    return Infinity;
  };
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (begins(middle) <= at) low = middle;
    else high = middle - 1;
  }
  for (let index = low; index < bands.length; index += 1) {
    const band = bands[index]!;
    if ("from" in band) return band.from <= at && at < band.to ? index : -1;
  }
  return -1;
}

/** The entry above or below: rows are not always full. */
export function beside<H>(bands: readonly Band<H>[], at: number, by: 1 | -1): number {
  const index = bandOf(bands, at);
  const band = bands[index];
  if (!band || !("from" in band)) return at;
  for (let other = index + by; other >= 0 && other < bands.length; other += by) {
    const next = bands[other]!;
    if ("from" in next) return Math.min(next.from + at - band.from, next.to - 1);
  }
  return at;
}
