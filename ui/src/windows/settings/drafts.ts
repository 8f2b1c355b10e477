// Destinations while they are being filled in: a draft for each that was touched, kept until it is saved or reverted.

import { reactive } from "vue";
import type { Destination } from "@/bindings/Destination";
import type { Failure, TestReport } from "@/contract";
import { byId, endpointOf, recognise } from "./providers";

export interface Draft {
  destination: Destination;
  /** What was typed; `null`: the saved one stays. */
  secret: string | null;
  provider: string;
  /** What Save or Test said, until the field it names is changed. */
  failure: Failure | null;
  report: (TestReport & { at: number }) | null;
  busy: "test" | "save" | null;
  savedAt: number | null;
}

/** The id of the one that is not saved yet. */
export const NEW = "";

export const drafts = reactive(new Map<string, Draft>());

const copyOf = (destination: Destination): Destination => JSON.parse(JSON.stringify(destination)) as Destination;

export function draftOf(destination: Destination, provider?: string): Draft {
  return {
    destination: copyOf(destination), secret: null,
    provider: provider ?? (destination.kind === "s3" ? recognise(destination.endpoint).id : "other"),
    failure: null, report: null, busy: null, savedAt: null,
  };
}

/** An S3 destination as it begins, with what its provider's preset knows. */
export function fresh(provider: string): Destination {
  const preset = byId(provider);
  const { region, pathStyle } = preset;
  return {
    id: NEW, name: "", kind: "s3", endpoint: endpointOf(preset, region), region, access_key: "", path_style: pathStyle, ca_file: null, bucket: "", folder: "",
    link: { policy: "presigned", seconds: WEEK }, names: { file: "{stem}-{hash:8}.{ext}", clipboard: "{yyyy}{MM}{dd}-{HH}{mm}{ss}-{hash:8}.{ext}" },
    images: { strip_metadata: true }, max_bytes: null, any_file: false,
  };
}

/** A destination at a team server as it begins, with what was typed already. */
export function freshTeam(before: Destination): Destination {
  const { id, name, bucket, folder, link, names, images, max_bytes, any_file } = before;
  return { id, name, kind: "team", server: "", phone: "", allow_plain_http: false, ca_file: null, bucket, folder, link, names, images, max_bytes, any_file };
}

const tidy = (destination: Destination) => JSON.stringify(destination, (_, value: unknown) => (value === null || value === undefined || value === "" || value === false ? undefined : value));
const sorted = (destination: Destination): Destination => Object.fromEntries(Object.entries(destination).sort(([a], [b]) => a.localeCompare(b))) as Destination;

/** Something in it is not saved. */
export const changed = (draft: Draft, saved: Destination | undefined): boolean =>
  draft.secret !== null || !saved || tidy(sorted(draft.destination)) !== tidy(sorted(saved));

/** The longest life a signature can have, in seconds (SigV4). */
export const WEEK = 604_800;

/** The field a step of the ladder is about; `null`: none of them. */
export const fieldOf = { address: "endpoint", tls: "endpoint", clock: null, region: "region", key: "access_key", secret: "secret", bucket: "bucket", permission: "bucket", style: "path_style" } as const;

/** The same at a team server, where the key is the sign-in. */
const teamFieldOf = { ...fieldOf, address: "server", tls: "server", key: "phone" } as const;

/** It could not even be tried: a field is empty or cannot be; of nothing before it anything is known. */
export const isUntried = ({ rungs }: TestReport): boolean => rungs.some(({ state }) => state === "bad") && !rungs.some(({ state }) => state === "ok") && rungs[0]?.state !== "bad";

/** Somebody signed in or out there: what was found before holds no longer. */
export function outdate(destination: Destination): void {
  for (const draft of drafts.values()) if (draft.destination === destination) draft.report = null;
}

/** The field that is wrong, and why. */
export function wrong(draft: Draft): { field: string | null; message: string } | null {
  if (draft.failure) return draft.failure;
  const bad = draft.report?.rungs.find(({ state }) => state === "bad");
  if (!draft.report?.code) return null;
  return { field: bad ? (draft.report.team ? teamFieldOf : fieldOf)[bad.rung] : null, message: draft.report.message ?? "" };
}
