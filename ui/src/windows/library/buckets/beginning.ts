// What the buckets are asked to begin with, once they show the place.

import { reactive } from "vue";

/** `folder`: type the name of a new folder; it becomes the place of the next uploads. `access`: show who may open what lies there. */
export const begun = reactive({ folder: false, access: false });
