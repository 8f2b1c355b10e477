// Where in the library a person is. The address of the page says it too, so that a window can be opened at a place.

import { shallowRef } from "vue";

export const SHELVES = ["all", "waiting", "failed", "ending"] as const;
export type Shelf = (typeof SHELVES)[number];

export type Route =
  | { at: "uploads"; shelf: Shelf; /** An upload to point at. */ upload?: number }
  | { at: "buckets"; destination: string; bucket: string; /** Ends with a slash, or is empty. */ prefix: string; /** An object to point at, by its key. */ key?: string };

const home: Route = { at: "uploads", shelf: "all" };

/** `#uploads/failed`, `#buckets/<destination>/<bucket>/<prefix>`, each part encoded by itself. */
export function parse(hash: string): Route {
  const [at, ...rest] = hash.replace(/^#/, "").split("/");
  let parts: string[];
  try {
    parts = rest.map(decodeURIComponent);
  } catch {
    return home;
  }
  if (at === "uploads" && (SHELVES as readonly string[]).includes(parts[0] ?? "")) return { at, shelf: parts[0] as Shelf };
  if (at === "buckets" && parts[0]) return { at, destination: parts[0], bucket: parts[1] ?? "", prefix: parts[2] ?? "" };
  return home;
}

export function format(route: Route): string {
  if (route.at === "uploads") return `#uploads/${route.shelf}`;
  return `#buckets/${[route.destination, route.bucket, route.prefix].map(encodeURIComponent).join("/")}`;
}

export const route = shallowRef<Route>(parse(location.hash));

/** Goes there. Back and forward (Alt+Left, the mouse's buttons) come by here again. */
export function go(to: Route): void {
  route.value = to;
  const hash = format(to);
  if (hash !== location.hash) history.pushState(null, "", hash);
}

addEventListener("popstate", () => (route.value = parse(location.hash)));
