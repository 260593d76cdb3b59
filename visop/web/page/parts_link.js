// The way to the page that shows what the operator finds in a picture, where it finds anything.

import { $ } from "./dom.js";
import { call } from "./problem.js";

export async function offerParts() {
  const told = await call("v1/identity");
  $("boxes").hidden = told.type !== "processor" && !told.parts;
}
