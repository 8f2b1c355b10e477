// Lucide's shapes on a 24 px box, those in use. Drawn as elements, because the policy of the windows allows no markup from strings.

type Shape = [tag: "path" | "circle" | "rect" | "ellipse", attributes: Record<string, string | number>];
const p = (d: string, more: Record<string, string | number> = {}): Shape => ["path", { d, ...more }];
const c = (r: number, more: Record<string, string | number> = {}): Shape => ["circle", { cx: 12, cy: 12, r, ...more }];
const box = (x: number, y: number, width: number, height: number, rx: number): Shape => ["rect", { x, y, width, height, rx }];

export const icons = {
  image: [box(3.5, 4, 17, 16, 2.5), ["circle", { cx: 9, cy: 9.2, r: 1.6 }], p("m20.5 15-3.6-3.6a2 2 0 0 0-2.8 0L6 20")],
  server: [box(3.5, 4, 17, 7, 2), box(3.5, 13, 17, 7, 2), p("M7.5 7.5h.01M7.5 16.5h.01", { "stroke-width": 2.4 })],
  chevrons: [p("m8 9.5 4-4 4 4M8 14.5l4 4 4-4")],
  more: [p("M5.5 12h.01M12 12h.01M18.5 12h.01", { "stroke-width": 2.6 })],
  "arrow-up": [p("M12 19.5v-15M6 10.5l6-6 6 6")],
  ban: [c(8.5), p("m6 6 12 12")],
  "arrow-right": [p("M4.5 12h15M13.5 6l6 6-6 6")],
  panel: [box(3.5, 4, 17, 16, 2), p("M14.5 4v16")],
  check: [p("m5 12.5 4.5 4.5L19 7.5")],
  x: [p("M6 6l12 12M18 6 6 18")],
  copy: [box(9, 9, 11.5, 11.5, 2.5), p("M5.5 15A2 2 0 0 1 3.5 13V5.5a2 2 0 0 1 2-2H13a2 2 0 0 1 2 2")],
  offline: [p("M12 19h.01M8.6 15.2a5 5 0 0 1 6.3-.5M5 11.6a10 10 0 0 1 4.6-2.5M19 11.6a10 10 0 0 0-5.8-2.7M1.8 8.2A14.6 14.6 0 0 1 6.4 5.2M22.2 8.2A14.8 14.8 0 0 0 10.2 4.3M3 3l18 18")],
  clock: [c(8.5), p("M12 7v5l3.2 2")],
  power: [p("M12 3.5v8.5M17.4 6.6a8 8 0 1 1-10.8 0")],
  pause: [p("M9 5.5v13M15 5.5v13")],
  shield: [p("M12 3.5 5 6v5.5c0 4.3 2.9 7.3 7 9 4.1-1.7 7-4.7 7-9V6l-7-2.5zM9 12l2.2 2.2L15.2 10")],
  clipboard: [box(5, 4.5, 14, 16, 2.5), p("M9 4.5V4a1 1 0 0 1 1-1h4a1 1 0 0 1 1 1v.5a1.5 1.5 0 0 1-1.5 1.5h-3A1.5 1.5 0 0 1 9 4.5z")],
  camera: [p("M4 8.5h3l1.7-3h6.6l1.7 3h3a1 1 0 0 1 1 1V18a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 18V9.5a1 1 0 0 1 1-1z"), ["circle", { cx: 12, cy: 13.5, r: 3.3 }]],
  link: [p("M10 13.5a4.5 4.5 0 0 0 6.6.4l2.8-2.8a4.5 4.5 0 0 0-6.4-6.4l-1.5 1.5"), p("M14 10.5a4.5 4.5 0 0 0-6.6-.4l-2.8 2.8a4.5 4.5 0 0 0 6.4 6.4l1.5-1.5")],
  settings: [p("M4 7h9M17 7h3M4 17h3M11 17h9"), ["circle", { cx: 15, cy: 7, r: 2.2 }], ["circle", { cx: 9, cy: 17, r: 2.2 }]],
  bucket: [["ellipse", { cx: 12, cy: 6, rx: 8, ry: 2.7 }], p("m4 6 2 12.2c.3 1.4 2.8 2.3 6 2.3s5.7-.9 6-2.3L20 6")],
  globe: [c(8.5), p("M3.5 12h17M12 3.5c2.3 2.4 3.5 5.3 3.5 8.5s-1.2 6.1-3.5 8.5c-2.3-2.4-3.5-5.3-3.5-8.5s1.2-6.1 3.5-8.5z")],
  monitor: [box(3, 4, 18, 12.5, 2), p("M8.5 20.5h7M12 16.5v4")],
  plus: [p("M12 5v14M5 12h14")],
  trash: [p("M4.5 6.5h15M9 6.5V5a1.5 1.5 0 0 1 1.5-1.5h3A1.5 1.5 0 0 1 15 5v1.5M6.5 6.5l.8 12a2 2 0 0 0 2 1.9h5.4a2 2 0 0 0 2-1.9l.8-12")],
  lock: [box(4.5, 10.5, 15, 10, 2), p("M8 10.5V7.5a4 4 0 0 1 8 0v3")],
  alert: [p("M10.5 4.4 2.9 17.5a1.75 1.75 0 0 0 1.5 2.6h15.2a1.75 1.75 0 0 0 1.5-2.6L13.5 4.4a1.75 1.75 0 0 0-3 0zM12 9.5v4M12 16.8h.01")],
  "circle-alert": [c(8.5), p("M12 8v4.5M12 15.9h.01")],
  "circle-check": [c(8.5), p("m8.3 12.3 2.5 2.5 5-5.2")],
  "circle-x": [c(8.5), p("m9.2 9.2 5.6 5.6M14.8 9.2l-5.6 5.6")],
  "circle-dot": [c(8.5, { "stroke-dasharray": "2.6 3.2" })],
  "chevron-down": [p("m6 9.5 6 6 6-6")],
  "chevron-up": [p("m6 14.5 6-6 6 6")],
  "arrow-down": [p("M12 4.5v15M6 13.5l6 6 6-6")],
  "chevron-right": [p("m9.5 6 6 6-6 6")],
  images: [box(7.5, 3.5, 13, 13, 2.5), p("m20.5 12.5-2-2a2 2 0 0 0-2.8 0l-6 6M3.5 8v9.5a3 3 0 0 0 3 3H16")],
  refresh: [p("M20 12a8 8 0 0 1-14.3 4.9L4 15M4 12a8 8 0 0 1 14.3-4.9L20 9"), p("M20 4v5h-5M4 20v-5h5")],
  folder: [p("M3.5 18V6a2 2 0 0 1 2-2h3.6a2 2 0 0 1 1.6.8l1.1 1.5h6.7a2 2 0 0 1 2 2V18a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z")],
  keyboard: [box(2.5, 5.5, 19, 13, 2.5), p("M6.5 9.5h.01M10.2 9.5h.01M13.8 9.5h.01M17.5 9.5h.01M6.5 14.5h.01M17.5 14.5h.01M10 14.5h4")],
  search: [["circle", { cx: 11, cy: 11, r: 6.5 }], p("m20 20-4.4-4.4")],
  grid: [box(4, 4, 6.5, 6.5, 1.5), box(13.5, 4, 6.5, 6.5, 1.5), box(4, 13.5, 6.5, 6.5, 1.5), box(13.5, 13.5, 6.5, 6.5, 1.5)],
  list: [p("M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01")],
  upload: [p("M12 15.5V4M7.5 8.5 12 4l4.5 4.5M4 15.5V18a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-2.5")],
  external: [p("M14 4h6v6M20 4l-9 9M18 14v4a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2h4")],
  pencil: [p("M14.5 5.5l4 4M4 20l1-4.5L16.4 4.1a1.8 1.8 0 0 1 2.6 0l.9.9a1.8 1.8 0 0 1 0 2.6L8.5 19z")],
  loader: [p("M20.5 12a8.5 8.5 0 1 1-6-8.1")],
  "folder-plus": [p("M3.5 7.5A1.5 1.5 0 0 1 5 6h4l2 2.5h8A1.5 1.5 0 0 1 20.5 10v8a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 18z"), p("M12 11.5v5M9.5 14h5")],
} satisfies Record<string, Shape[]>;

export type IconName = keyof typeof icons;
