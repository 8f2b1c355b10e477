// Whether the details stand beside the list or, where there is no room for both, lie over it when they are asked for.

import { ref } from "vue";

// As in library.css.
const little = typeof matchMedia === "function" ? matchMedia("(max-width: 620px)") : undefined;
export const narrow = ref(little?.matches ?? false);
/** They lie over the list; of no account where they stand beside it. */
export const over = ref(false);
/** Grows each time a person wants to go there. */
export const wanted = ref(0);

little?.addEventListener("change", ({ matches }) => {
  narrow.value = matches;
  over.value = false;
});

/** Shows them, and leads the keyboard there. */
export function look(): void {
  over.value = narrow.value;
  wanted.value += 1;
}

export const toggle = (): void => (over.value ? void (over.value = false) : look());

/** Puts them away; false where they did not lie over anything. */
export function away(): boolean {
  const was = narrow.value && over.value;
  over.value = false;
  return was;
}
