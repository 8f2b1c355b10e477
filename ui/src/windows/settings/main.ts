import { show } from "@/show";
import Settings from "./Settings.vue";

await show("title.settings", Settings);
