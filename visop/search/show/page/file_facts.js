// What the page says of a file, from what an index has of it.

import { shortName } from "./words.js";

/**
 * A file of a picture, as the modules of groups take it.
 * @param {any} picture width, height, bytes, modified, and more for the file
 * @param {string} name a path, or the URL of a file whose name is no text, or an address
 */
export function fileOf(picture, name) {
  const isUrl = /^(https?|file):/i.test(name);
  const short = shortName({ names: [name], id: "" });
  return {
    ...picture,
    name,
    short,
    folder: isUrl ? "" : name.slice(0, -short.length),
    path: isUrl ? null : name,
    stays: whyItStays(name),
    href: isUrl ? name : fileUrl(name),
  };
}

function whyItStays(name) {
  if (/^https?:/i.test(name)) return "it is on the web";
  return /^file:/i.test(name) ? "its name is not valid text (UTF-8), so no script can say it" : "";
}

const fileUrl = (path) => `file://${path.split("/").map(encodeURIComponent).join("/")}`;
