// Where the keyboard stands in the library: in the list as soon as it opens, beside what was removed, in the search once somebody types.

import { nextTick, onActivated, onBeforeUnmount, onDeactivated, onMounted, ref, watch } from "vue";
import { frame } from "@/state/frame";

/** Nothing has the focus: the window has just been opened, or what had it is no longer there. */
const lost = (): boolean => document.activeElement === null || document.activeElement === document.body;

/** A letter, where it would be typed into nothing. */
function isLoose({ key, ctrlKey, altKey, metaKey, isComposing, target }: KeyboardEvent): boolean {
  if (ctrlKey || altKey || metaKey || isComposing || [...key].length !== 1 || key === " ") return false;
  return !(target instanceof HTMLElement && target.closest("input:not([type=radio], [type=checkbox]), textarea, select, [role=menu], [contenteditable]"));
}

const wanted = ref(0);
/** Something went that the keyboard may have stood on: it goes on in the list, unless something else has it. */
export const goOn = (): void => void (wanted.value += 1);

/** `list` takes the focus to where the keyboard stands in it; `ready` tells that there is something to stand on. */
export function useKeyboard(list: () => { focus: () => void } | null, search: () => HTMLElement | null, ready: () => boolean): void {
  let shown = false;
  let arrived = false;
  async function recover() {
    await nextTick();
    if (shown && lost()) list()?.focus();
  }
  // Nobody types before there is a picture, and the focus lays the page out once more.
  const arrive = () => frame.after(() => void recover());
  watch(wanted, recover);
  watch(ready, (now) => {
    if (!now || arrived) return;
    arrived = true;
    arrive();
  }, { immediate: true });
  const typed = (event: KeyboardEvent) => {
    if (!event.defaultPrevented && isLoose(event) && !document.querySelector("dialog[open]")) search()?.focus();
  };
  const begin = () => {
    if (shown) return;
    shown = true;
    document.addEventListener("keydown", typed);
    arrive();
  };
  const end = () => {
    shown = false;
    document.removeEventListener("keydown", typed);
  };
  onMounted(begin);
  onActivated(begin);
  onDeactivated(end);
  onBeforeUnmount(end);
}
