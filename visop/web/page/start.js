// The first page: some pictures of the index, to start with.

import { showProblem } from "./notices.js";
import { addPictures, PER_STEP } from "./results.js";
import { call } from "./problem.js";
import { ofIndex } from "./server.js";
import { state } from "./state.js";

/** Show them, or those that are new since. */
export async function showStart() {
  const { index } = state;
  try {
    const { pictures } = await call(ofIndex(`pictures?limit=${PER_STEP}`));
    if (state.view.query || state.index !== index) return;
    const shown = new Set(state.view.pictures.map(({ id }) => id));
    addPictures(pictures.filter(({ id }) => !shown.has(id)).slice(0, PER_STEP - shown.size));
  } catch (problem) {
    showProblem(problem);
  }
}

export const isStartFull = () => state.view.pictures.length >= PER_STEP;
