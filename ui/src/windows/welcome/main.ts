import { show } from "@/show";
import Welcome from "./Welcome.vue";

await show("title.welcome", Welcome);
