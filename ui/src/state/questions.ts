// What only a person can decide: the first pictures of a watched folder, an address of the own network. Asked in whichever window is open.

import { computed } from "vue";
import { call } from "@/ipc";
import { quietly, snapshot } from "./live";

/** The one that was asked first. */
export const question = computed(() => snapshot.value?.questions[0] ?? null);
/** How many wait behind it. */
export const behind = computed(() => Math.max(0, (snapshot.value?.questions.length ?? 0) - 1));

export async function decide(yes: boolean): Promise<void> {
  const now = question.value;
  if (now) await quietly(() => call("answer_question", { id: now.id, yes }));
}
