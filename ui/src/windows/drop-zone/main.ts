import { show } from "@/show";
import DropZone from "./DropZone.vue";

await show("title.drop-zone", DropZone);
