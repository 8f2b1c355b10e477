// Whether the list is scrolled faster than anybody can look.

import { ref } from "vue";

export const flying = ref(false);
/** Pixels between two frames beyond which nobody reads. */
const FAST = 900;
const SETTLES = 90;
let last = 0;
let settles: ReturnType<typeof setTimeout> | undefined;

export function scrolled(top: number): void {
  if (Math.abs(top - last) > FAST) flying.value = true;
  last = top;
  clearTimeout(settles);
  settles = setTimeout(() => (flying.value = false), SETTLES);
}
