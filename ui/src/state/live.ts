// The engine's present, as this window knows it: one snapshot, the settings, and the events in between.

import { reactive, ref, shallowRef } from "vue";
import type { Event, Failure, SettingsView, Snapshot } from "@/contract";
import { call, hear } from "@/ipc";
import { speak } from "@/i18n";
import { dress } from "@/theme";
import * as boards from "./board";
import { frame } from "./frame";

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

/** What is asked anew: everything, or all but the uploads, which events tell one by one. */
type Look = "snapshot" | "outline";
let wanted: Look | null = null;
let looking: Promise<void> | null = null;
/** What was told since a snapshot was asked for that has not come yet: it may have been made before. */
let since: Event[] | null = null;

async function lookWhileWanted(): Promise<void> {
  try {
    while (wanted) {
      const what = wanted;
      wanted = null;
      since = what === "snapshot" ? [] : null;
      const now = await call(what);
      snapshot.value = now;
      if (since) board.value = boards.beside(boards.afterAll(board.value, take()), now, since);
    }
  } finally {
    since = looking = null;
  }
}

/** Looks anew, one look after the other: however often it is asked for meanwhile, one more follows. */
export function lookAgain(what: Look): Promise<void> {
  wanted = wanted === "snapshot" ? wanted : what;
  return (looking ??= lookWhileWanted());
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

/** What was told since the last picture. */
let heard: Event[] = [];
function take(): Event[] {
  const taken = heard;
  heard = [];
  return taken;
}
const apply = () => (board.value = boards.afterAll(board.value, take()));

/** These change the present, and tell no more than that. */
const NEWS = new Set<Event["type"]>(["status", "offer", "offer-gone", "question", "question-gone"]);

function onEvent(event: Event) {
  if (heard.length === 0) frame.next(apply);
  heard.push(event);
  since?.push(event);
  if (event.type === "notice") said.text = event.message;
  if (event.type === "settings") {
    told(readSettings());
    told(lookAgain("snapshot"));
  } else if (NEWS.has(event.type)) told(lookAgain("outline"));
}

/** Hears first and asks then, so that nothing falls in between. */
export async function begin(): Promise<void> {
  // Of the second kind where some events were lost on their way.
  await Promise.all([hear("engine", onEvent), hear("missed", () => told(lookAgain("snapshot")))]);
  await Promise.all([readSettings(), lookAgain("snapshot")]);
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
