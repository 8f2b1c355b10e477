// How fast bytes go, as a person feels it: over the last seconds, so that one slow packet does not make it jump. Pure.

export interface Sample { at: number; sent: number }

/** So far back it looks, in milliseconds. */
const WINDOW = 3000;
/** Less than this says nothing yet. */
const LEAST = 700;

/** The samples after another one; bytes that were taken back (a fresh try) begin anew. */
export function sampled(samples: Sample[], now: Sample): Sample[] {
  if (now.sent < (samples.at(-1)?.sent ?? 0)) return [now];
  return [...samples.filter(({ at }) => now.at - at <= WINDOW), now];
}

/** Bytes a second; `null` while there is too little to tell. */
export function rate(samples: Sample[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < LEAST || last.sent === first.sent) return null;
  return ((last.sent - first.sent) * 1000) / (last.at - first.at);
}
