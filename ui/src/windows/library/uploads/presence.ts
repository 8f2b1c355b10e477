// Whether an upload's object is still there, asked of the store for one at a time.

import { shallowRef } from "vue";
import type { Presence } from "@/bindings/Presence";
import { call } from "@/ipc";
import { failure } from "@/state/live";

export const presence = shallowRef<{ id: number; now: Presence | "asking" | "failed"; told: string } | null>(null);

export async function check(id: number): Promise<void> {
  const mine = (presence.value = { id, now: "asking", told: "" });
  const answer = await call("library_check", { id }).then((now) => ({ id, now, told: "" }), (error: unknown) => ({ id, now: "failed" as const, told: failure(error).message }));
  if (presence.value === mine) presence.value = answer;
}
