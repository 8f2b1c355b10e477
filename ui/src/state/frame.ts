// When the next picture is drawn. What thousands of uploads tell is gathered until then: nobody sees more often than that.

/** A page that nobody sees draws nothing, and still must not fall behind: so many milliseconds at most. */
const HIDDEN = 250;

export const frame = {
  /** Runs it once, before the next picture. */
  next(run: () => void): void {
    let done = false;
    const once = () => {
      if (done) return;
      done = true;
      clearTimeout(late);
      run();
    };
    const late = setTimeout(once, HIDDEN);
    requestAnimationFrame(once);
  },
};
