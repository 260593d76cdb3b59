// Image elements that load late, try again when the server is busy, and say so when there is nothing to show.

import { element } from "./dom.js";
import { thumbnail } from "./server.js";
import { shortName } from "./words.js";

const TRIES = 5;

/** A picture of the index, large; of one whose file is gone, what the grid still has. */
export const pictureImage = (picture) =>
  fill(new Image(), thumbnail(picture, picture.gone ? 320 : 1280), shortName(picture));

/** What was searched with. */
export function queryImage({ picture, image }, name) {
  const otherwise = picture ? undefined : "No preview in this browser."; // it may not know TIFF, say
  return fill(new Image(), image, name, otherwise);
}

/** The size of what was searched with: of a picture of the index, only a small version is shown; others are as they are. */
export const sizeOf = ({ picture }, image) =>
  picture?.width ? picture : { width: image.naturalWidth, height: image.naturalHeight };

/**
 * Load an image into a new element: one that had another picture would show it until the next one has arrived.
 * If it cannot be loaded, words take the element's place.
 */
export function fill(
  image,
  source,
  name,
  otherwise = "No preview: the file may have been moved, deleted or changed.",
) {
  let triesLeft = TRIES;
  image.addEventListener("error", async () => {
    if (triesLeft-- && (await isWorthAnotherTry(source))) image.src = source;
    else image.replaceWith(placeholder(otherwise));
  });
  image.alt = name;
  image.src = source;
  return image;
}

// Elements do not tell why they failed, so ask. A server that is busy says for how long, and is given that time.
async function isWorthAnotherTry(source) {
  if (!source.startsWith("v1/")) return false;
  const answer = await fetch(source, { method: "HEAD" }).catch(() => null);
  if (answer?.status !== 429) return answer?.ok ?? false;
  await new Promise((resume) => setTimeout(resume, 1000 * (Number(answer.headers.get("Retry-After")) || 1)));
  return true;
}

function placeholder(words) {
  const made = element("span", words);
  made.className = "gone soft";
  return made;
}
