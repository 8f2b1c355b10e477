/** Letters of the end that always show: an extension and what tells one screenshot from the next. */
const KEPT = 9;

/** The name in `width`, its middle replaced by one ellipsis where it is too long; `share` of what is left is its end. */
export function cut(name: string, width: number, measure: (text: string) => number, share = 0): string {
  if (width <= 0 || measure(name) <= width) return name;
  const letters = Array.from(name);
  let [fits, not] = [KEPT, letters.length];
  const shortened = (count: number) => {
    const end = Math.min(count - 1, Math.max(KEPT, Math.round(count * share)));
    return `${letters.slice(0, count - end).join("").trimEnd()}…${letters.slice(-end).join("").trimStart()}`;
  };
  while (not - fits > 1) {
    const middle = (fits + not) >> 1;
    if (measure(shortened(middle)) <= width) fits = middle;
    else not = middle;
  }
  return shortened(Math.max(KEPT + 1, fits));
}

let pen: CanvasRenderingContext2D | null = null;
/** How long texts are in that font, in CSS pixels; nothing where nobody draws. One canvas for all: a list has hundreds of names. */
export function measuring(font: string): ((text: string) => number) | undefined {
  const on = (pen ??= document.createElement("canvas").getContext("2d"));
  if (!on) return undefined;
  on.font = font;
  return (text) => on.measureText(text).width;
}
