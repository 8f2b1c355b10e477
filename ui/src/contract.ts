// What crosses between windows and engine: commands with their arguments and answers, events with their payloads.

import type { AccessView } from "./bindings/AccessView";
import type { Aim } from "./bindings/Aim";
import type { Closing } from "./bindings/Closing";
import type { Job } from "./bindings/Job";
import type { Listing } from "./bindings/Listing";
import type { NewFolder } from "./bindings/NewFolder";
import type { ObjectView } from "./bindings/ObjectView";
import type { Picked } from "./bindings/Picked";
import type { Sum } from "./bindings/Sum";
import type { AccountView } from "./bindings/AccountView";
import type { Destination } from "./bindings/Destination";
import type { DoctorReport } from "./bindings/DoctorReport";
import type { ImportView } from "./bindings/ImportView";
import type { ShortcutsView } from "./bindings/ShortcutsView";
import type { Event } from "./bindings/Event";
import type { FolderView } from "./bindings/FolderView";
import type { Format } from "./bindings/Format";
import type { Snapshot } from "./bindings/Snapshot";
import type { AskDrop } from "./bindings/AskDrop";
import type { Drag } from "./bindings/Drag";
import type { DraftForm } from "./bindings/DraftForm";
import type { Failure } from "./bindings/Failure";
import type { Leaving } from "./bindings/Leaving";
import type { LibraryDetails } from "./bindings/LibraryDetails";
import type { LibraryQuery } from "./bindings/LibraryQuery";
import type { Part } from "./bindings/Part";
import type { Presence } from "./bindings/Presence";
import type { Upload } from "./bindings/Upload";
import type { Progress } from "./bindings/Progress";
import type { Reading } from "./bindings/Reading";
import type { WelcomeView } from "./bindings/WelcomeView";
import type { NamePreview } from "./bindings/NamePreview";
import type { RegisterForm } from "./bindings/RegisterForm";
import type { SettingsView } from "./bindings/SettingsView";
import type { TeamAddress } from "./bindings/TeamAddress";
import type { TeamServer } from "./bindings/TeamServer";
import type { TestReport } from "./bindings/TestReport";

export type { AskDrop, Destination, DraftForm, Drag, Event, Failure, Format, NamePreview, SettingsView, Snapshot, TestReport };

/** Commands by name. Everything is asked with one object of named arguments, or with nothing. */
export interface Commands {
  snapshot(): Snapshot;
  /** The same without its uploads. */
  outline(): Snapshot;
  settings(): SettingsView;
  set_setting(args: { key: string; value: string }): void;
  choose_files(): void;
  upload_clipboard(): void;
  answer_drop(args: { id: number; upload: boolean }): void;
  answer_offer(args: { id: number; upload: boolean }): void;
  answer_question(args: { id: number; yes: boolean }): void;
  watched_folders(): FolderView[];
  upload_watched(args: { path: string }): void;
  cancel_upload(args: { id: number }): void;
  cancel_uploads(args: { ids: number[] }): void;
  retry_upload(args: { id: number }): void;
  retry_uploads(args: { ids: number[] }): void;
  /** `null`: as it is called. */
  name_upload(args: { id: number; name: string | null }): void;
  undo_upload(args: { id: number }): boolean;
  dismiss_uploads(args: { ids: number[] }): void;
  copy_links(args: { ids: number[]; format: Format | null }): void;
  /** With a signature where the public link opens for nobody. */
  copy_opening_links(args: { ids: number[]; format: Format | null }): void;
  /** Leads to who may open the folder of this upload. */
  show_access(args: { id: number }): void;
  set_paused(args: { paused: boolean }): void;
  save_destination(args: { draft: DraftForm }): Destination;
  remove_destination(args: { id: string }): void;
  use_destination(args: { id: string; bucket: string | null; folder: string | null }): void;
  test_destination(args: { draft: DraftForm }): TestReport;
  list_buckets(args: { draft: DraftForm }): string[];
  list_folders(args: { draft: DraftForm; prefix: string }): string[];
  probe_team(args: { address: TeamAddress }): TeamServer;
  team_account(args: { address: TeamAddress }): AccountView;
  register(args: { address: TeamAddress; form: RegisterForm }): void;
  sign_in(args: { address: TeamAddress; password: string; keep: boolean }): void;
  change_password(args: { address: TeamAddress; old: string; new: string }): void;
  sign_out(args: { address: TeamAddress }): boolean;
  name_preview(args: { destination: Destination }): NamePreview;
  link_preview(args: { format: Format; template: string | null }): string;
  shortcuts(): ShortcutsView;
  record_shortcut(args: { recording: boolean }): void;
  check_secret(args: { draft: DraftForm }): void;
  diagnostics(): DoctorReport;
  copy_diagnostics(): void;
  export_settings(): string | null;
  look_at_settings(): ImportView | null;
  import_settings(args: { id: number }): number;
  undo_import(args: { id: number }): void;
  choose_folder(): string | null;
  choose_certificates(): string | null;
  library_newest(args: { limit: number }): Upload[];
  /** Doubles: four counts (all, waiting, failed, ending), the numbers found, newest first, and when each was taken. */
  library_find(args: { query: LibraryQuery }): ArrayBuffer;
  library_rows(args: { ids: number[] }): Upload[];
  /** How many there are (a double) and their numbers (doubles, ascending), where each name ends (32 bits), then all names in UTF-8. */
  library_names(): ArrayBuffer;
  library_details(args: { id: number }): LibraryDetails;
  library_check(args: { id: number }): Presence;
  library_copy(args: { id: number; part: Part }): void;
  /** Tries again what of these can be. */
  library_retry(args: { ids: number[] }): void;
  /** Stops what of these is not over. */
  library_cancel(args: { ids: number[] }): void;
  library_delete(args: { ids: number[] }): Leaving;
  library_forget(args: { ids: number[] }): Leaving;
  library_keep(args: { ids: number[] }): number;
  library_rename(args: { id: number; name: string }): Upload;
  library_open(args: { id: number }): void;
  library_show_file(args: { id: number }): void;
  welcome(): WelcomeView;
  keep_welcome(args: { progress: Progress }): void;
  finish_welcome(): void;
  make_bucket(args: { draft: DraftForm; bucket: string }): void;
  upload_sample(): void;
  read_back(args: { id: number }): Reading;
  browse_buckets(args: { destination: string }): string[];
  browse_page(args: { destination: string; bucket: string; prefix: string; cursor: string | null; limit: number }): Listing;
  browse_details(args: { destination: string; bucket: string; key: string }): ObjectView;
  browse_sum(args: { destination: string; bucket: string; prefix: string }): Sum;
  browse_access(args: { destination: string; bucket: string }): AccessView;
  browse_closing(args: { destination: string; bucket: string; prefix: string }): Closing;
  browse_set_access(args: { destination: string; bucket: string; prefix: string; public: boolean }): void;
  browse_new_folder(args: { destination: string; bucket: string; prefix: string; name: string }): NewFolder;
  browse_remove(args: { destination: string; bucket: string; items: Picked[] }): Job;
  browse_move(args: { destination: string; bucket: string; items: Picked[]; folder: string }): Job;
  browse_rename(args: { destination: string; bucket: string; item: Picked; name: string }): Job;
  browse_stop(args: { id: number }): void;
  browse_jobs(): Job[];
  browse_copy(args: { destination: string; bucket: string; keys: string[]; format: Format | null }): void;
  browse_open(args: { destination: string; bucket: string; key: string }): void;
  browse_here(args: { aim: Aim | null }): void;
  browse_asked(): Aim | null;
  browse_upload(args: { aim: Aim }): void;
  open_window(args: { name: "drop-zone" | "library" | "settings" }): void;
  close_window(): void;
  quit(): void;
}

/** Events by name. */
export interface Events {
  engine: Event;
  drag: Drag;
  "ask-drop": AskDrop;
  /** Some of the engine's events never came: look anew. */
  missed: null;
  /** The library shall go where `browse_asked` says. */
  browse: null;
  /** Keys were pressed while some are recorded that another program has taken, so that they never reach the window: the sentence that says so. */
  "keys-taken": string;
}
