// The picture on the page.

import { $ } from "./dom.js";

/** Show a file. Whether the browser can, upright as boxes are: it may not know TIFF or HEIC, say. */
export async function show(file, name) {
  const image = $("picture");
  const before = image.src;
  image.src = URL.createObjectURL(file);
  image.alt = name;
  if (before) URL.revokeObjectURL(before);
  try {
    await image.decode();
  } catch {
    return false;
  }
  return image.naturalWidth > 0 && !(await mayBeTurned(file));
}

/** Whether a file is a WebP with EXIF data, which may say how it is to be turned: browsers do not do so. */
async function mayBeTurned(file) {
  const head = new Uint8Array(await file.slice(0, 21).arrayBuffer());
  return String.fromCharCode(...head.slice(8, 16)) === "WEBPVP8X" && (head[20] & 0x08) !== 0;
}
