import { show } from "@/show";
import Library from "./Library.vue";
import { begin } from "./uploads/shelf";

await show("title.library", Library, begin);
