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

let pen: CanvasRenderingContext2D | null = null;
/** How long texts are in that font, in CSS pixels; nothing where nobody draws. One canvas for all: a list has hundreds of names. */
export function measuring(font: string): ((text: string) => number) | undefined {
  const on = (pen ??= document.createElement("canvas").getContext("2d"));
  if (!on) return undefined;
  on.font = font;
  return (text) => on.measureText(text).width;
}
