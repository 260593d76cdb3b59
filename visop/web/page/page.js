// The page of `visop run`. Whatever comes from outside (file names, messages) goes into the page as text, never as HTML.

const PER_STEP = 24;
const MOST = 240;
const POLL_MS = 1000;
const RETRY_MS = 5000;
// With a scheme, or at least with a dot and a slash: nothing else that was pasted is sent away, and looked up.
const ADDRESS = /^(https?:\/\/|[^\s/]+\.[^\s/]+\/)\S+$/i;
const $ = (id) => document.getElementById(id);

let status = null; // of the index, as the server last told
let view = { query: null, pictures: [] }; // what the grid shows
let running = null; // the search under way
const load = Math.random(); // history outlives a reload, and views do not
const views = []; // by the number in history.state
const chosen = new Map(); // id -> picture, at most two, to compare

// --- the server ---

class Problem extends Error {}

async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Is it still running?");
  }
  const told = await answer.json().catch(() => null); // of a proxy, say, that answers with a page of its own
  options.signal?.throwIfAborted();
  if (answer.ok && told) return told;
  throw new Problem(inWords(answer.status, told?.detail));
}

function inWords(code, detail) {
  if (code === 429) return "The server is busy. Try again in a moment.";
  if (code === 504) return "It took too long. Try again, or try a smaller picture.";
  const isTold = typeof detail === "string" && detail;
  if (!isTold) return `The server answered ${code}, but with nothing that this page can read.`;
  const text = capital(detail.replace(/^(image|images|data|url)(\[\d+\])?: /, ""));
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

const post = (path, body, signal) => call(path, { method: "POST", body, signal });

function postJson(path, value, signal) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(value), signal });
}

const thumbnail = (picture, side) => `v1/pictures/${picture.id}/thumbnail?side=${side}`;

// --- words ---

const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

const sentences = (...some) => some.filter(Boolean).join(" ");

const plural = (count, word) => `${count.toLocaleString()} ${word}${count === 1 ? "" : "s"}`;

function shortName(picture) {
  const name = picture.names[0] ?? "";
  const isUrl = /^(https?|file):\/\//i.test(name); // in a path, ?, # and % are letters like others
  const last = (isUrl ? name.replace(/[?#].*$/, "") : name).split(/[/\\]/).pop();
  return (isUrl ? decoded(last) : last) || picture.id.slice(0, 12);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function spokenBytes(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function spokenTime(seconds) {
  if (seconds < 90) return plural(Math.max(1, seconds), "second");
  return seconds < 5400 ? plural(Math.round(seconds / 60), "minute") : plural(Math.round(seconds / 3600), "hour");
}

const spokenScore = (match, metric) => `${metric === "L2" ? "distance" : "cosine"} ${match.score.toFixed(3)}`;

function say(text) {
  $("said").textContent = text;
}

function complain(problem) {
  if (problem.name === "AbortError") return;
  if (!(problem instanceof Problem)) console.error(problem);
  $("problem").firstElementChild.textContent =
    problem instanceof Problem ? problem.message : "Something went wrong in this page. Load it again.";
  $("problem").hidden = false;
}

function forgive() {
  $("problem").hidden = true;
}

// --- searching ---

async function search(query, { k = PER_STEP, keepPlace = false } = {}) {
  forgive();
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  $("results").setAttribute("aria-busy", "true");
  say("Searching…");
  try {
    const answer = await ask(query, k, signal);
    const isItself = ({ id }) => id === query.picture?.id;
    if (query.picture) nameAfter(query, answer.matches.find(isItself));
    const found = { ...answer, query, k, pictures: answer.matches.filter((match) => !isItself(match)).slice(0, k) };
    keepPlace ? replaceView(found) : pushView(found);
    if (!keepPlace) toHeading();
    say(sentences(query.remark, spokenSummary(found)));
  } catch (problem) {
    if (problem.name !== "AbortError") say("");
    complain(problem);
  } finally {
    if (running?.signal === signal) $("results").setAttribute("aria-busy", "false");
  }
}

// A link says no more than which picture it is; that it is like itself tells the rest.
function nameAfter(query, picture) {
  if (picture && !query.picture.names.length) Object.assign(query, { picture, name: shortName(picture) });
}

async function ask(query, k, signal) {
  if (query.file) {
    await checkFile(query.file);
    const form = new FormData();
    form.append("image", query.file, "picture");
    form.append("k", String(k));
    return post("v1/search", form, signal);
  }
  if (query.picture) return postJson("v1/search", { id: query.picture.id, k: k + 1 }, signal);
  return postJson("v1/search", query.url.startsWith("data:") ? { data: query.url, k } : { url: query.url, k }, signal);
}

// A file that cannot be read makes fetch() fail as if there were no server.
async function checkFile(file) {
  const limit = status?.max_image_bytes ?? Infinity;
  const tooLarge = `The file has ${spokenBytes(file.size)}; the limit is ${spokenBytes(limit)}.`;
  if (file.size > limit) throw new Problem(tooLarge);
  const start = file.size ? await file.slice(0, 1).arrayBuffer().catch(() => null) : null;
  if (!start) throw new Problem("The file cannot be read. It is a folder or empty, or has changed meanwhile.");
}

const searchFile = (file, remark = "") => search({ file, name: file.name, image: URL.createObjectURL(file), remark });

function searchUrl(text) {
  const url = text.trim();
  const ours = url.match(/\/v1\/pictures\/([0-9a-f]{64})\b/); // one of the page's own pictures, dragged
  if (ours && url.startsWith(location.origin)) return searchPicture({ id: ours[1], names: [] });
  if (!url) return complain(new Problem("Choose a picture, or type the address of one."));
  if (/^data:image\//i.test(url)) return search({ url, name: "A picture from the clipboard" });
  const whole = /^https?:\/\//i.test(url) ? url : `https://${url}`;
  if (!ADDRESS.test(url) || !URL.canParse(whole)) {
    return complain(new Problem("This is no address of a picture. It should look like https://example.org/cat.jpg."));
  }
  return search({ url: whole, name: whole });
}

const searchPicture = (picture) => search(likePicture(picture));

const likePicture = (picture) => ({ picture, name: shortName(picture), image: thumbnail(picture, 320) });

function spokenSummary(found) {
  if (!found.pictures.length) return "Nothing found.";
  const copies = found.pictures.filter((match) => match.copy).length;
  const nearest = `the nearest has ${spokenScore(found.pictures[0], found.metric)}`;
  return `${plural(found.pictures.length, "picture")}, ${copies ? `${plural(copies, "copy").replace("copys", "copies")}, ` : ""}${nearest}.`;
}

// --- what is shown, and the way back to it ---

function pushView(next) {
  views.push(next);
  const { picture, url } = next.query;
  const hash = picture ? `#id=${picture.id}` : url && !url.startsWith("data:") ? `#url=${encodeURIComponent(url)}` : "#file";
  history.pushState({ load, view: views.length - 1 }, "", hash);
  show(next);
}

function replaceView(next) {
  views[history.state.view] = next;
  show(next);
}

function show(next) {
  const isAnother = next.query !== view.query;
  view = next;
  const { query } = view;
  document.body.classList.toggle("searching", Boolean(query));
  if (isAnother) showQuery(query);
  $("keep").hidden = !(query?.file && status?.uploads && !query.kept);
  $("note").textContent = sentences(query?.remark, noteOf(view));
  $("note").hidden = !$("note").textContent;
  $("grid").replaceChildren();
  showCards(view.pictures);
  $("more").hidden = !query || view.pictures.length < view.k || view.k >= MOST;
  document.title = query ? `${query.name} – search by picture` : "Search by picture";
  showEmpty();
}

function showQuery(query) {
  $("shown").hidden = !query;
  $("shown-picture").replaceChildren();
  if (query?.image) $("shown-picture").append(queryImage(query, "The picture that is searched with"));
  $("shown-name").textContent = query?.name ?? "";
  $("url").value = query?.url && !query.url.startsWith("data:") ? query.url : "";
}

function showCards(pictures) {
  $("grid").append(...pictures.map(card));
  $("heading").hidden = !view.pictures.length && !view.query;
  $("heading").textContent = headingOf(view);
  showChosen();
}

function headingOf({ query, pictures }) {
  if (!query) return "Or start from one of these";
  return pictures.length ? "Most like it" : "Nothing found";
}

function noteOf({ query, threshold, pictures }) {
  if (!query || !pictures.length) return query && status?.indexing.state === "running" ? "Indexing is still going on: try again later." : "";
  if (threshold === null) return "Nearest first. This encoder has no calibrated threshold, so nothing is called a copy.";
  const copies = pictures.filter((match) => match.copy).length;
  if (!copies) return "Nearest first. None is near enough to be called a copy.";
  return `Nearest first. ${copies === 1 ? "One of them is a copy" : `${copies} of them are copies`}: the same picture, perhaps edited.`;
}

function card(picture) {
  const made = $("card").content.cloneNode(true).firstElementChild;
  const name = shortName(picture);
  fill(made.querySelector("img"), thumbnail(picture, 320), "");
  const open = made.querySelector(".open");
  open.setAttribute("aria-label", `Open ${name}`);
  open.addEventListener("click", () => openViewer(picture));
  made.querySelector(".name").textContent = name;
  made.querySelector(".name").title = picture.names.join("\n");
  made.querySelector(".copy").hidden = !picture.copy;
  made.querySelector(".number").textContent = picture.score === undefined ? "" : spokenScore(picture, view.metric);
  made.querySelector(".score").hidden = picture.score === undefined;
  made.querySelector(".like").setAttribute("aria-label", `More like ${name}`);
  made.querySelector(".like").addEventListener("click", () => searchPicture(picture));
  const box = made.querySelector("input");
  box.setAttribute("aria-label", `Compare ${name}`);
  box.addEventListener("change", () => choose(picture, box.checked));
  made.dataset.id = picture.id;
  return made;
}

// Into a new element each time: one that had another picture shows it until the next one has come.
function fill(image, source, name, otherwise = "No preview. The file may be gone, or have changed.") {
  let triesLeft = 5;
  image.addEventListener("error", async () => {
    if (triesLeft-- && (await comesLater(source))) image.src = source;
    else image.replaceWith(inItsPlace(otherwise));
  });
  image.alt = name;
  image.src = source;
  return image;
}

// Whether a picture failed only because too much was asked for at once; if so, after the time that the server asks for.
async function comesLater(source) {
  if (!source.startsWith("v1/")) return false;
  const answer = await fetch(source, { method: "HEAD" }).catch(() => null);
  if (answer?.status !== 429) return answer?.ok ?? false;
  await new Promise((resume) => setTimeout(resume, 1000 * (Number(answer.headers.get("Retry-After")) || 1)));
  return true;
}

const pictureImage = (picture) => fill(new Image(), thumbnail(picture, 1280), shortName(picture));

function queryImage({ picture, image }, name) {
  const otherwise = picture ? undefined : "No preview in this browser."; // which does not know, say, TIFF
  return fill(new Image(), image, name, otherwise);
}

function inItsPlace(words) {
  const made = element("span", words);
  made.className = "gone soft";
  return made;
}

function toHeading() {
  window.scrollTo(0, 0);
  $("heading").focus({ preventScroll: true });
}

async function showStart() {
  try {
    const { pictures } = await call(`v1/pictures?limit=${PER_STEP}`);
    if (!view.query) addToStart(pictures);
  } catch (problem) {
    complain(problem);
  }
}

// Only adds, at the end: no picture moves, or loses the focus, while more of them are indexed.
function addToStart(pictures) {
  const shown = new Set(view.pictures.map(({ id }) => id));
  const more = pictures.filter(({ id }) => !shown.has(id)).slice(0, PER_STEP - shown.size);
  view = { ...view, pictures: [...view.pictures, ...more] };
  showCards(more);
}

function showEmpty() {
  $("empty").hidden = !status || status.count > 0 || status.indexing.state === "running" || Boolean(view.query);
  $("empty-add").hidden = !status?.uploads;
}

// --- the index: how many, how far, more of them ---

async function watch() {
  let wait = POLL_MS;
  try {
    const before = status;
    status = await call("v1/index/status");
    showStatus(before);
    if (status.indexing.state !== "running") wait = 0;
    if (!view.query && view.pictures.length < PER_STEP && status.count > view.pictures.length) await showStart();
  } catch (problem) {
    if (!status) complain(problem);
    $("count").textContent = "The server does not answer";
    wait = RETRY_MS;
  }
  if (wait) setTimeout(watch, document.hidden ? RETRY_MS : wait);
}

function showStatus(before) {
  const { indexing } = status;
  $("count").textContent = status.count ? plural(status.count, "picture") : "";
  $("add").hidden = !status.uploads;
  $("url-row").hidden = !status.fetch;
  const isRunning = indexing.state === "running";
  const isWorthTelling = isRunning || indexing.state === "failed" || indexing.failed > 0;
  $("indexing").hidden = !isWorthTelling;
  $("indexing-text").textContent = spokenIndexing(indexing);
  $("bar").hidden = !isRunning;
  if (indexing.total) {
    $("bar").max = indexing.total;
    $("bar").value = indexing.done;
  } else {
    $("bar").removeAttribute("value");
  }
  if (before?.indexing.state === "running" && !isRunning) say(spokenIndexing(indexing) || "Indexing is finished.");
  showEmpty();
}

function spokenIndexing({ state, done, total, failed, seconds_left: left, message }) {
  if (state === "failed") return `Indexing stopped: ${message}`;
  const bad = failed ? `${plural(failed, "file")} could not be read; the server's log says which` : "";
  if (state !== "running") return bad && `${capital(bad)}.`;
  if (!total) return "Looking for pictures…";
  const rest = left === null || done >= total ? "" : `, about ${spokenTime(left)} left`;
  return `Indexing: ${done.toLocaleString()} of ${plural(total, "picture")}${rest}${bad ? `. ${bad}` : ""}`;
}

async function add(files) {
  forgive();
  const failures = [];
  let known = 0;
  for (const [number, file] of files.entries()) {
    $("count").textContent = `Adding ${number + 1} of ${files.length}…`;
    const form = new FormData();
    form.append("images", file, "picture");
    try {
      await checkFile(file);
      known += (await post("v1/index", form)).pictures[0].known ? 1 : 0;
    } catch (problem) {
      failures.push(`${file.name}: ${problem.message}`);
    }
  }
  const added = files.length - failures.length - known;
  say(`${plural(added, "picture")} added${known ? `, ${known} known already` : ""}.`);
  if (failures.length) {
    const more = failures.length > 3 ? ` And ${failures.length - 3} more.` : "";
    complain(new Problem(`Not added: ${failures.slice(0, 3).join(" ")}${more}`));
  }
  const before = status;
  status = await call("v1/index/status");
  showStatus(before);
  if (!view.query) await showStart();
  return !failures.length;
}

// --- one picture, large ---

let looking = null; // the pictures there were when it was opened, and at which of them it is

const looked = () => looking.pictures[looking.at];

function openViewer(picture) {
  looking = { ...view, at: view.pictures.indexOf(picture) };
  showInViewer();
  $("viewer").showModal();
}

function showInViewer() {
  const picture = looked();
  $("viewer-name").textContent = shortName(picture);
  $("viewer-picture").replaceChildren(pictureImage(picture));
  $("viewer-file").href = `v1/pictures/${picture.id}`;
  $("before").setAttribute("aria-disabled", looking.at === 0); // and not disabled, which would take its focus
  $("after").setAttribute("aria-disabled", looking.at === looking.pictures.length - 1);
  $("viewer-choose").setAttribute("aria-pressed", chosen.has(picture.id));
  $("viewer-choose").textContent = chosen.has(picture.id) ? "Chosen to compare" : "Compare";
  $("viewer-facts").replaceChildren(...factsOf(picture).flatMap(([term, value]) => [element("dt", term), element("dd", value)]));
}

function factsOf(picture) {
  const facts = [];
  if (picture.score !== undefined) {
    if (picture.copy !== null) facts.push(["Verdict", picture.copy ? "a copy" : "too far apart to be called a copy"]);
    if (looking.metric === "L2") facts.push(["Distance", picture.score.toFixed(4)]);
    facts.push(["Cosine", picture.cosine.toFixed(4)]);
  }
  const size = picture.width ? `${picture.width} × ${picture.height} pixels, ` : "";
  facts.push(["Size", size + spokenBytes(picture.bytes)]);
  facts.push(["Changed", new Date(picture.modified * 1000).toLocaleDateString()]);
  const names = picture.names.slice(0, 10).join("\n");
  facts.push([picture.names.length > 1 ? "Found at" : "File", names + (picture.names.length > 10 ? "\n…" : "")]);
  return facts;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function turn(by) {
  if (!looking.pictures[looking.at + by]) return;
  looking.at += by;
  showInViewer();
}

// --- two, side by side ---

function choose(picture, isChosen) {
  chosen.delete(picture.id);
  if (isChosen) chosen.set(picture.id, picture);
  if (chosen.size > 2) chosen.delete(chosen.keys().next().value);
  showChosen();
}

function showChosen() {
  for (const each of $("grid").children) {
    const isChosen = chosen.has(each.dataset.id);
    each.classList.toggle("is-chosen", isChosen);
    each.querySelector("input").checked = isChosen;
  }
  const withQuery = chosen.size === 1 && Boolean(view.query?.image);
  $("chosen").hidden = chosen.size === 0;
  $("compare").disabled = chosen.size < 2 && !withQuery;
  $("compare").textContent = withQuery ? "Compare with the searched one" : "Compare";
  $("chosen-text").textContent = chosen.size === 2 ? "Two pictures chosen" : withQuery ? "One picture chosen" : "One picture chosen; choose another one";
}

async function compare() {
  const [first, second] = chosen.values();
  const [left, right] = second ? [sideOf(first), sideOf(second)] : [querySide(view.query), sideOf(first)];
  $("sides").replaceChildren(left, right);
  $("comparison-text").textContent = "";
  $("comparison").showModal();
  try {
    const known = second ? null : view.pictures.find(({ id }) => id === first.id);
    const answer = known ? { ...view, match: known } : await pair(second ? first : view.query.picture, second ?? first);
    $("comparison-text").textContent = answer ? spokenPair(answer) : "";
  } catch (problem) {
    $("comparison-text").textContent = problem.message;
  }
}

async function pair(one, other) {
  if (!one) return null; // a file that was searched with before the grid changed
  const answer = await postJson("v1/search", { id: one.id, k: 1, filter: `id == "${other.id}"` });
  return answer.matches.length ? { ...answer, match: answer.matches[0] } : null;
}

function spokenPair({ match, metric }) {
  const cosine = metric === "L2" ? `, cosine ${match.cosine.toFixed(3)}` : "";
  const verdict = match.copy === null ? "" : match.copy ? ": one is a copy of the other" : ": too far apart to be called a copy";
  return `${capital(spokenScore(match, metric))}${cosine}${verdict}.`;
}

function sideOf(picture) {
  const about = `${picture.width} × ${picture.height}, ${spokenBytes(picture.bytes)}`;
  return side(pictureImage(picture), `${shortName(picture)} (${about})`);
}

function querySide(query) {
  const image = query.picture ? pictureImage(query.picture) : queryImage(query, query.name);
  return side(image, `${query.name} (searched with)`);
}

function side(image, caption) {
  const figure = document.createElement("figure");
  figure.append(image, element("figcaption", caption));
  return figure;
}

// --- hands and keys ---

function listen() {
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // its address would be a step in history, and no search
    $("results").focus();
  });
  $("search").addEventListener("submit", (event) => {
    event.preventDefault();
    searchUrl($("url").value);
  });
  $("file").addEventListener("change", () => withFiles($("file"), ([file]) => searchFile(file)));
  $("add-files").addEventListener("change", () => withFiles($("add-files"), (files) => add(files).catch(complain)));
  $("keep").addEventListener("click", keep);
  $("more").addEventListener("click", () => search(view.query, { k: Math.min(MOST, view.k + PER_STEP), keepPlace: true }));
  $("dismiss").addEventListener("click", forgive);
  $("compare").addEventListener("click", compare);
  $("unchoose").addEventListener("click", () => {
    chosen.clear();
    showChosen();
  });
  listenToViewer();
  listenToDrops();
  document.addEventListener("paste", onPaste);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) forgive();
  });
  addEventListener("popstate", onPopState);
}

function withFiles(input, use) {
  const files = [...input.files];
  input.value = ""; // so that the same file can be chosen again
  if (files.length) use(files);
}

async function keep() {
  const { query } = view;
  $("keep").disabled = true;
  query.kept = await add([query.file]).catch(complain);
  $("keep").disabled = false;
  $("keep").hidden = Boolean(query.kept);
}

function listenToViewer() {
  $("before").addEventListener("click", () => turn(-1));
  $("after").addEventListener("click", () => turn(1));
  document.addEventListener("keydown", (event) => {
    if (!$("viewer").open) return;
    if (event.key === "ArrowLeft") turn(-1);
    if (event.key === "ArrowRight") turn(1);
  });
  $("viewer-like").addEventListener("click", () => {
    $("viewer").close();
    searchPicture(looked());
  });
  $("viewer-choose").addEventListener("click", () => {
    const picture = looked();
    choose(picture, !chosen.has(picture.id));
    showInViewer();
  });
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  }
}

function listenToDrops() {
  let depth = 0; // dragenter and dragleave come for every element on the way
  const mark = (change) => {
    depth = change ? Math.max(0, depth + change) : 0;
    document.body.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", () => mark(1));
  addEventListener("dragleave", () => mark(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    take(event.dataTransfer);
  });
}

function onPaste(event) {
  if (event.target.closest?.("input[type=text]") && !event.clipboardData.files.length) return;
  take(event.clipboardData);
}

function take(data) {
  const { length, 0: file } = data.files;
  if (file) return searchFile(file, length > 1 ? `Searched with the first of ${length} files.` : "");
  const text = data.getData("text/uri-list").split("\n").find((line) => line && !line.startsWith("#")) || data.getData("text/plain");
  if (text) searchUrl(text);
}

// --- coming, and coming back ---

function onPopState(event) {
  running?.abort();
  forgive();
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  const past = event.state?.load === load && views[event.state.view];
  return past ? show(past) : begin();
}

function begin() {
  show({ query: null, pictures: [] });
  const query = queryOf(location.hash);
  return query ? reopen(query) : showStart();
}

function queryOf(hash) {
  const asked = new URLSearchParams(hash.slice(1));
  const id = asked.get("id") ?? "";
  const url = asked.get("url");
  if (/^[0-9a-f]{64}$/.test(id)) return likePicture({ id, names: [] });
  return url ? { url, name: url } : null;
}

async function reopen(query) {
  views.push(null); // until there is an answer
  history.replaceState({ load, view: views.length - 1 }, "");
  await search(query, { keepPlace: true });
  if (!view.query) await showStart();
}

listen();
watch();
begin();
