// A query is what is searched with: a file, an address or a picture of the index, with its name and image to show.

import { formOf } from "./files.js";
import { Problem } from "./problem.js";
import { ofIndex, post, postJson, thumbnail } from "./server.js";
import { shortName } from "./words.js";

// With a scheme, or at least a dot and a slash. Other text that is pasted is not sent anywhere.
const ADDRESS = /^(https?:\/\/|[^\s/]+\.[^\s/]+\/)\S+$/i;

export function fileQuery(file, remark = "") {
  return { file, name: file.name, image: URL.createObjectURL(file), remark };
}

export const pictureQuery = (picture) => ({ picture, name: shortName(picture), image: thumbnail(picture, 320) });

/** The query that an address typed, pasted or dropped asks for. Throws a Problem if it is not the address of a picture. */
export function addressQuery(text) {
  const url = text.trim();
  if (!url) throw new Problem("Choose a picture, or enter the address of one.");
  const ours = url.match(/\/v1\/(?:indexes\/\w+\/)?pictures\/([0-9a-f]{64})\b/); // one of the page's own pictures, dragged
  if (ours && url.startsWith(location.origin)) {
    return pictureQuery({ id: ours[1], names: [] });
  }
  if (/^data:image\//i.test(url)) {
    return { url, name: "A picture from the clipboard" };
  }
  const whole = /^https?:\/\//i.test(url) ? url : `https://${url}`;
  if (ADDRESS.test(url) && URL.canParse(whole)) {
    return { url: whole, name: whole };
  }
  throw new Problem("That is not the address of a picture. It should look like https://example.org/cat.jpg.");
}

/** The part of the page's address that leads to this query again, where one can. */
export function hashOf({ picture, url }) {
  if (picture) return `#id=${picture.id}`;
  return url && !url.startsWith("data:") ? `#url=${encodeURIComponent(url)}` : "#file";
}

/** The query of such an address, or null. */
export function queryOf(hash) {
  const parameters = new URLSearchParams(hash.slice(1));
  const id = parameters.get("id") ?? "";
  const url = parameters.get("url");
  if (/^[0-9a-f]{64}$/.test(id)) return pictureQuery({ id, names: [] });
  return url ? { url, name: url } : null;
}

/**
 * Send a query to the server, of which perhaps a part is searched with, or views of it, too, and what is found proven.
 * A picture of the index is its own best match: one more is asked for.
 */
export async function ask(query, { k, thorough, verify }, signal) {
  if (query.file) {
    const form = await formOf("image", query.file);
    form.append("k", String(k));
    if (query.box) form.append("box", query.box.join(","));
    form.append("thorough", String(thorough));
    form.append("verify", String(verify));
    return post(ofIndex("search"), form, signal);
  }
  const more = { ...(query.box && { box: query.box }), thorough, verify };
  if (query.picture) {
    return postJson(ofIndex("search"), { id: query.picture.id, k: k + 1, ...more }, signal);
  }
  const source = query.url.startsWith("data:") ? { data: query.url } : { url: query.url };
  return postJson(ofIndex("search"), { ...source, k, ...more }, signal);
}
