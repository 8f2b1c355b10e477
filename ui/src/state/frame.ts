// When the next picture is drawn. What thousands of uploads tell is gathered until then: nobody sees more often than that.

import { onceSeen } from "./seen";

/** A page that nobody sees draws nothing, and still must not fall behind: so many milliseconds at most. */
const HIDDEN = 250;

export const frame = {
  /** Runs it once, before the next picture. */
  next(run: () => void): void {
    const late = setTimeout(() => {
      // Pictures of a hidden page wait until it is seen again, and would pile up.
      cancelAnimationFrame(drawn);
      run();
    }, HIDDEN);
    const drawn = requestAnimationFrame(() => {
      clearTimeout(late);
      run();
    });
  },
  /** Runs it once the next picture is drawn that somebody sees: what nobody waits for. */
  after(run: () => void): void {
    onceSeen(() => frame.next(() => setTimeout(run)));
  },
};
