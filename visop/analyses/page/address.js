// The address of the page: which view it asks for, and the addresses of views.

/** The view, the id of the record or job in it, and the filters of a list. */
export function asked() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [name, id = ""] = path.split("/");
  if (["analysis", "job"].includes(name) && /^\d+$/.test(id)) return { name, id, filters: new URLSearchParams() };
  return { name: name === "jobs" ? name : "analyses", id: "", filters: new URLSearchParams(query) };
}

export const toAnalysis = (id) => `#analysis/${id}`;

export const toJob = (id) => `#job/${id}`;

export function toAnalyses(filters) {
  const query = String(new URLSearchParams(filters));
  return query ? `#analyses?${query}` : "#analyses";
}

/** The place from which a list goes on, of the address that the server gave for it; null at its end. */
export const cursorOf = (next) => next ? new URL(next, location.href).searchParams.get("cursor") : null;
