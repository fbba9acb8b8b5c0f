// One plot: asked for its genres first, which is fast, and then for why.
import { examples } from "./examples.js";
import { showGenres } from "./genres.js";
import { by, node, percent, say } from "./nodes.js";
import { showMarked, showPlain, told } from "./reading.js";
import { dropped, known, tag } from "./service.js";

const HINT = "Choose one to see what speaks for it.";
const NONE = "No genre reaches its threshold. These come nearest:";

let asked = new AbortController();
let shown = null;

export function startPlot() {
  by("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    find();
  });
  by("plot").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    find();
  });
  for (const example of examples) {
    const button = node("button", { type: "button", class: "quiet" }, example.name);
    button.addEventListener("click", () => {
      by("plot").value = example.plot;
      find();
    });
    document.querySelector(".examples").append(button);
  }
  by("edit").addEventListener("click", () => write(by("plot").value));
  by("another").addEventListener("click", () => write(""));
  by("why-again").addEventListener("click", () => explain());
  if (/Mac|iP/.test(navigator.platform)) by("keys").textContent = "or ⌘ + Enter";
}

async function find() {
  asked.abort();
  asked = new AbortController();
  const { signal } = asked;
  // Composed, as the model reads it, so that places in the text are the same on both sides.
  const plot = by("plot").value.toWellFormed().normalize("NFC");
  failed("ask", "");
  busy(true);
  say("Reading the plot.");
  try {
    const film = await tag(plot, signal);
    const { genres } = await known("v1/genres");
    if (!signal.aborted) answer(plot, film, new Map(genres.map((one) => [one.name, one.threshold])));
  } catch (error) {
    if (dropped(error)) return;
    failed("ask", error.message);
    by("plot").focus();
  } finally {
    if (asked.signal === signal) busy(false);
  }
}

function answer(plot, film, thresholds) {
  shown = { plot, film, why: null, error: "" };
  shown.lamp = showGenres(film, thresholds, light);
  showPlain(plot);
  state("reading");
  by("answer-hint").textContent = film.genres.length ? HINT : NONE;
  by("answer-title").focus({ preventScroll: true });
  // Where the genres stand above the plot, both are to be seen at once.
  if (matchMedia("(max-width: 58rem)").matches) by("bar").scrollIntoView();
  const genres = film.genres.map((one) => `${one.name} ${percent(one.probability)}`).join(", ");
  say(genres ? `Genres: ${genres}.` : "No genre reaches its threshold.");
  if (film.genres.length) explain();
}

async function explain() {
  const { signal } = asked;
  const own = shown;
  failed("why", "");
  by("why-again").hidden = true;
  by("given").setAttribute("aria-busy", "true");
  try {
    const film = await tag(own.plot, signal, { explain: true });
    own.why = new Map(film.explanation.genres.map((one) => [one.genre, one]));
    if (own === shown && own.lit) light(own.lit, own.lamp.pinned() !== null);
  } catch (error) {
    if (dropped(error) || own !== shown) return;
    failed("why", `Why is not known: ${error.message}`);
    by("why-again").hidden = false;
  } finally {
    if (own === shown) by("given").removeAttribute("aria-busy");
  }
}

// The genre is remembered, and lights up as soon as the explanation is there.
function light(name, pinned) {
  shown.lit = name;
  const why = name && shown.why?.get(name);
  if (!why) showPlain(shown.plot);
  else showMarked(shown.plot, why);
  if (why && pinned) say(told(why));
}

function write(plot) {
  asked.abort();
  by("plot").value = plot;
  failed("ask", "");
  state("writing");
  by("plot").focus();
}

function state(name) {
  const reading = name === "reading";
  document.body.classList.toggle("reads", reading);
  by("ask").hidden = reading;
  for (const id of ["bar", "answer", "reading"]) by(id).hidden = !reading;
}

function failed(where, sentence) {
  by(`${where}-error`).textContent = sentence;
  if (where === "ask") by("plot").setAttribute("aria-invalid", String(Boolean(sentence)));
}

function busy(on) {
  by("find").textContent = on ? "Reading…" : "Find genres";
  by("ask").setAttribute("aria-busy", String(on));
}
