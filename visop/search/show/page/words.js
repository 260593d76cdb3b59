// Names, numbers and sentences, as a person would say them.

export const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

export const sentences = (...some) => some.filter(Boolean).join(" ");

export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

/** The last part of a path or an address; of a picture without either, the start of its id. */
export function shortName(picture) {
  const name = picture.names[0] ?? "";
  const isUrl = /^(https?|file):\/\//i.test(name); // in a path, ?, # and % are letters like any other
  const last = (isUrl ? name.replace(/[?#].*$/, "") : name).split(/[/\\]/)
    .pop();
  return (isUrl ? decoded(last) : last) || picture.id.slice(0, 12);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function spokenBytes(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function spokenTime(seconds) {
  if (seconds < 90) return counted(Math.max(1, seconds), "second");
  return seconds < 5400 ? counted(Math.round(seconds / 60), "minute") : counted(Math.round(seconds / 3600), "hour");
}

export const spokenScore = (match, metric) => `${metric === "L2" ? "distance" : "cosine"} ${match.score.toFixed(3)}`;
