/** Letters of the end that always show: an extension and what tells one screenshot from the next. */
const KEPT = 9;

/** The name in `width`, its middle replaced by one ellipsis where it is too long. */
export function cut(name: string, width: number, measure: (text: string) => number): string {
  if (width <= 0 || measure(name) <= width) return name;
  const letters = Array.from(name);
  const end = letters.slice(-KEPT).join("");
  let [fits, not] = [0, letters.length - KEPT];
  const shortened = (count: number) => `${letters.slice(0, count).join("").trimEnd()}…${end}`;
  while (not - fits > 1) {
    const middle = (fits + not) >> 1;
    if (measure(shortened(middle)) <= width) fits = middle;
    else not = middle;
  }
  return shortened(Math.max(1, fits));
}
