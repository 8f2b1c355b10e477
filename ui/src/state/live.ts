// The engine's present, as this window knows it: one snapshot, the settings, and the events in between.

import { reactive, ref, shallowRef } from "vue";
import type { Event, Failure, SettingsView, Snapshot } from "@/contract";
import { call, hear } from "@/ipc";
import { speak } from "@/i18n";
import { dress } from "@/theme";
import * as boards from "./board";

export const snapshot = shallowRef<Snapshot>();
export const settings = shallowRef<SettingsView>();
export const board = shallowRef<boards.Board>(boards.empty());
/** The last thing that went wrong and belongs to no field. */
export const said = reactive({ text: "" });

/** Something that was done and shows nowhere else; gone after a moment. */
export const news = ref("");
const TOLD = 4000;
let fading: ReturnType<typeof setTimeout> | undefined;
export function tellNews(text: string): void {
  news.value = text;
  clearTimeout(fading);
  fading = setTimeout(() => (news.value = ""), TOLD);
}

let asked = 0;
let answered = 0;

/** Takes a new snapshot. An answer that was overtaken by a later one is dropped. */
export async function lookAgain(): Promise<void> {
  const mine = ++asked;
  const now = await call("snapshot");
  if (mine < answered) return;
  answered = mine;
  snapshot.value = now;
  board.value = boards.beside(board.value, now);
}

export async function readSettings(): Promise<void> {
  const now = await call("settings");
  // Sentences the engine made are in the language it spoke then.
  if (settings.value && settings.value.language !== now.language) {
    said.text = news.value = "";
    board.value = { ...board.value, refused: [] };
  }
  settings.value = now;
  speak(now.language);
  dress(now.theme);
}

const told = (answer: Promise<void>) => void answer.catch((error: unknown) => (said.text = failure(error).message));

function onEvent(event: Event) {
  board.value = boards.after(board.value, event);
  if (event.type === "settings") told(readSettings());
  if (event.type === "notice") said.text = event.message;
  if (event.type === "status" || event.type === "settings" || event.type === "offer" || event.type === "offer-gone" || event.type === "question" || event.type === "question-gone") told(lookAgain());
}

/** Hears first and asks then, so that nothing falls in between. */
export async function begin(): Promise<void> {
  await hear("engine", onEvent);
  await Promise.all([readSettings(), lookAgain()]);
}

/** What a rejected command says; a fault of the window itself says what it is. */
export function failure(error: unknown): Failure {
  if (typeof error === "object" && error !== null && "message" in error && "code" in error) return error as Failure;
  return { code: "internal", message: error instanceof Error ? error.message : String(error), field: null };
}

/** Does it, and shows the sentence where it fails. */
export async function quietly(action: () => Promise<unknown>): Promise<boolean> {
  try {
    said.text = "";
    await action();
    return true;
  } catch (error) {
    said.text = failure(error).message;
    return false;
  }
}
