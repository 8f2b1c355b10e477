// Every window is this page; the address says which. A window's own code is loaded only in that window.

import { createApp } from "vue";
import { i18n, t } from "./i18n";
import { begin, failure, said } from "./state/live";

const windows = {
  "drop-zone": { view: () => import("./windows/drop-zone/DropZone.vue"), title: "title.drop-zone" },
  library: { view: () => import("./windows/library/Library.vue"), title: "title.library" },
  welcome: { view: () => import("./windows/welcome/Welcome.vue"), title: "title.welcome" },
  settings: { view: () => import("./windows/settings/Settings.vue"), title: "title.settings" },
};

const asked = new URLSearchParams(location.search).get("window");
const name = asked !== null && asked in windows ? (asked as keyof typeof windows) : "drop-zone";

const [{ default: view }] = await Promise.all([
  windows[name].view(),
  // A window that cannot reach the engine still opens, and says so.
  begin().catch((error: unknown) => (said.text = failure(error).message)),
]);
document.title = t(windows[name].title);
// The web view's own menu offers "reload" and the like, which mean nothing here; fields keep theirs.
addEventListener("contextmenu", (event) => {
  if (!(event.target instanceof HTMLInputElement)) event.preventDefault();
});
createApp(view).use(i18n).mount("#app");
