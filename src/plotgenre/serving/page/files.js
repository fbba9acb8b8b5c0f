// A file of films: sent whole, answered row by row, downloaded with genres.
import { by, count, films, node, percent, say } from "./nodes.js";
import { csv, jsonl, lines, shownColumns } from "./rows.js";
import { dropped, known, send, ServiceError } from "./service.js";

const PREVIEW = 8;
const TYPES = {
  csv: "text/csv",
  tsv: "text/tab-separated-values",
  jsonl: "application/x-ndjson",
  ndjson: "application/x-ndjson",
  parquet: "application/vnd.apache.parquet",
};
const KINDS = { csv: [csv, "text/csv"], jsonl: [jsonl, "application/x-ndjson"] };

let running = null;
let film = { name: "", columns: [], rows: [] };

export function startFiles() {
  by("choose-file").addEventListener("click", () => by("file").click());
  by("file").addEventListener("change", () => {
    const [file] = by("file").files;
    if (file) run(file);
    by("file").value = "";
  });
  by("cancel").addEventListener("click", () => running?.abort());
  by("next-file").addEventListener("click", () => {
    state("choosing");
    by("choose-file").focus();
  });
  for (const kind of Object.keys(KINDS)) by(`save-${kind}`).addEventListener("click", () => save(kind));
  startDropping();
}

function startDropping() {
  const holdsFile = (event) => event.dataTransfer?.types.includes("Files");
  let inside = 0;
  const over = (change) => {
    inside = change === 0 ? 0 : inside + change;
    by("drop").hidden = inside <= 0;
  };
  addEventListener("dragenter", (event) => holdsFile(event) && over(1));
  addEventListener("dragleave", (event) => holdsFile(event) && over(-1));
  addEventListener("dragover", (event) => holdsFile(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    over(0);
    by("many").scrollIntoView();
    if (running) say("Another file is being read; cancel it first.");
    else run(event.dataTransfer.files[0]);
  });
}

async function run(file) {
  const type = TYPES[file.name.split(".").pop().toLowerCase()];
  film = { name: file.name.replace(/\.[^.]*$/, ""), columns: [], rows: [] };
  failed("");
  if (!type) {
    state("choosing");
    failed(`${file.name} is of no kind that is read here; choose a CSV, TSV, JSON lines or Parquet file.`);
    return;
  }
  running = new AbortController();
  begin(file.name);
  try {
    const { limits } = await known("v1/model");
    if (file.size > limits.file_bytes) throw new ServiceError(tooLarge(file, limits.file_bytes));
    const answer = await send("v1/tag-file", {
      method: "POST",
      headers: { "Content-Type": type },
      body: file,
      signal: running.signal,
    });
    const expected = await receive(answer);
    ended(finished(expected), "done");
  } catch (error) {
    stopped(error);
  } finally {
    running = null;
  }
}

// Said here: a browser does not hear a service that refuses a body before its end.
function tooLarge(file, most) {
  const size = (bytes) => `${count(Math.ceil(bytes / 1e6))} MB`;
  return `${file.name} has ${size(file.size)}; at most ${size(most)} are read here.`;
}

async function receive(answer) {
  let head = null;
  try {
    for await (const line of lines(answer.body)) {
      // The service says so in the stream where something fails after its beginning.
      if (head && line.row === undefined) throw new ServiceError(line.error);
      if (!head) {
        head = line;
        film.columns = head.columns;
      } else film.rows.push(line);
      progress(head.films);
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof ServiceError) throw error;
    throw new ServiceError("The connection to the service broke.");
  }
  if (head?.films && film.rows.length < head.films) throw new ServiceError("The service stopped before the end.");
  return head?.films ?? film.rows.length;
}

function stopped(error) {
  const cancelled = dropped(error);
  if (!film.rows.length) {
    state("choosing");
    if (!cancelled) failed(error.message);
    else say("Cancelled.");
    by("choose-file").focus();
    return;
  }
  const until = film.rows.length === 1 ? "The first film has genres." : `The first ${films(film.rows.length)} have genres.`;
  ended(cancelled ? `Cancelled. ${until}` : `${error.message} ${until}`, "stopped");
}

function finished(expected) {
  const wrong = film.rows.filter((row) => row.error).length;
  const said = `${films(expected)} read.`;
  return wrong ? `${said} ${count(wrong)} could not be tagged.` : said;
}

function begin(name) {
  by("run-name").textContent = name;
  by("run-count").textContent = "Sending…";
  by("run-progress").removeAttribute("value");
  by("preview").replaceChildren();
  state("running");
  by("cancel").focus();
  say(`${name} is being read.`);
}

function progress(expected) {
  const now = film.rows.length;
  by("run-count").textContent = expected === null ? films(now) : `${count(now)} of ${films(expected)}`;
  if (expected) {
    by("run-progress").max = expected;
    by("run-progress").value = now;
  }
  if (now > by("preview").children.length && now <= PREVIEW) by("preview").append(previewed(film.rows[now - 1]));
}

function ended(sentence, name) {
  by("run-count").textContent = sentence;
  state(name);
  say(sentence);
  by("save-csv").focus();
}

// Which of the buttons and parts there are hangs on this class alone; see page.css.
function state(name) {
  by("many").dataset.state = name;
  by("choose").hidden = name !== "choosing";
  by("run").hidden = name === "choosing";
  by("cancel").hidden = name !== "running";
  by("run-progress").hidden = name === "done" || name === "stopped";
  for (const id of ["save-csv", "save-jsonl", "next-file"]) by(id).hidden = name === "running";
}

function failed(sentence) {
  by("file-error").textContent = sentence;
}

function previewed(row) {
  const { title, plot } = shownColumns(film.columns);
  const item = node("li", {}, node("p", { class: "title" }, String(row.values[title] ?? `Row ${row.row}`)));
  if (plot && plot !== title) item.append(node("p", { class: "clipped" }, String(row.values[plot] ?? "")));
  if (row.error) item.append(node("p", { class: "error" }, row.error));
  else if (!row.genres.length) item.append(node("p", { class: "hint" }, "No genre reaches its threshold."));
  else {
    item.append(
      node("ul", { class: "tags" }, ...row.genres.map((one) => node("li", {}, one.name, " ", node("small", {}, percent(one.probability))))),
    );
  }
  return item;
}

function save(kind) {
  const [write, type] = KINDS[kind];
  const address = URL.createObjectURL(new Blob(write(film.columns, film.rows), { type }));
  node("a", { href: address, download: `${film.name}-genres.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
