// The welcome, as an engine would answer it. Names and figures are made up.

import type { Destination } from "@/bindings/Destination";
import type { Commands, Events } from "@/contract";
import { fresh, freshTeam } from "@/windows/settings/drafts";

type Answers = { [K in keyof Commands]?: (...args: Parameters<Commands[K]>) => ReturnType<Commands[K]> | Promise<ReturnType<Commands[K]>> };
const server = "https://imagepic.atelier.example";

function draft(state: string): Destination | null {
  if (state.startsWith("wel-team")) return { ...freshTeam(fresh("other")), name: "Atelier", server, phone: "13800138000", bucket: "assets", folder: "docs/img", id: state.endsWith("new") ? "" : "atelier-team" } as Destination;
  if (state.startsWith("wel-s3")) return { ...fresh("minio"), endpoint: "http://127.0.0.1:9000", access_key: "AKIA4ATELIERQ7DM", name: "MinIO" } as Destination;
  return null;
}

/** `wel-WAY-STEP`: the welcome reopened at that step. */
export function welcome(state: string, zh: boolean): Answers {
  if (!state.startsWith("wel")) return {};
  const [, way = "", at = "1"] = state.split("-");
  return {
    welcome: () => ({
      progress: way === "" || at === "1" ? null : { done: false, step: Number(at), way, draft: draft(state) },
      server: way === "team" ? server : null, server_name: way === "team" ? "Atelier" : null, tray: way !== "bare", desktop: "GNOME",
    }),
    keep_welcome: () => undefined,
    probe_team: ({ address }) => ({ server: address.server, old: false, registers: true, invited: false, password_min: 8 }),
    list_buckets: () => ["assets", "release", "screenshots"],
    list_folders: ({ prefix }) => (prefix === "" ? ["docs/", "marketing/"] : prefix === "docs/" ? ["docs/img/", `docs/${zh ? "设计稿" : "sketches"}/`] : []),
    test_destination: () => ({ rungs: [], code: null, message: null, suggestion: null, public: state.endsWith("shut") ? false : true, took_ms: 310, team: false }),
    read_back: () => ({ opened: true, same: true, bytes: 91_000, took_ms: 80, message: null, text: "![latency-p95](https://img.atelier.example/docs/img/latency-p95-w3Tz81aB.png)" }),
  };
}

/** What is tried at the sixth step. */
export function tries(tell: <K extends keyof Events>(name: K, event: Events[K]) => void, upload: Parameters<typeof Object.assign>[1]): void {
  setTimeout(() => tell("engine", { type: "upload", ...upload, stage: "done", taken_at: 1000, done_at: 1210 }), 150);
}
