// Files of the person's own, on their way to the server.

import { Problem } from "./problem.js";
import { state } from "./state.js";
import { spokenBytes } from "./words.js";

/** A form with a file in one field. Throws a Problem if the file is too large or cannot be read. */
export async function formOf(field, file) {
  await checkFile(file);
  const form = new FormData();
  form.append(field, file, "picture"); // under no name of its own, which nobody there needs
  return form;
}

// fetch() would report a file that cannot be read as a server that is down.
async function checkFile(file) {
  const limit = state.status?.max_image_bytes ?? Infinity;
  const tooLarge = `The file is ${spokenBytes(file.size)}; the limit is ${spokenBytes(limit)}.`;
  if (file.size > limit) throw new Problem(tooLarge);
  const start = file.size ? await file.slice(0, 1).arrayBuffer().catch(() => null) : null;
  if (!start) {
    throw new Problem("The file cannot be read: it is empty, a folder, or has changed since it was chosen.");
  }
}
