// The model's own figures: what it scored on films that it had not seen.
import { by, count, films, node } from "./nodes.js";
import { dropped, known } from "./service.js";

export function startFigures() {
  by("open-figures").addEventListener("click", open);
  by("close-figures").addEventListener("click", () => by("figures").close());
  by("filter").addEventListener("input", filter);
  showLine();
}

function asked() {
  return Promise.all([known("v1/model"), known("v1/genres")]);
}

// The page is of use without this line: what is wrong is said where something is asked for.
async function showLine() {
  let found;
  try {
    found = await asked();
  } catch (error) {
    // A service that has just been started loads its model first.
    if (!dropped(error) && error.seconds) setTimeout(showLine, 1000 * error.seconds);
    return;
  }
  const [model, { genres }] = found;
  by("model-line").textContent = `Model ${model.name}, ${count(genres.length)} genres, made with plotgenre ${model.version}.`;
}

async function open() {
  by("figures").showModal();
  by("figures-error").textContent = "";
  try {
    const [model, { genres }] = await asked();
    by("headline").textContent = headline(model.headline);
    const commonest = genres.toSorted((one, other) => other.train_films - one.train_films);
    by("figures-rows").replaceChildren(...commonest.map(row));
    by("figures-body").hidden = false;
    filter();
  } catch (error) {
    if (!dropped(error)) by("figures-error").textContent = error.message;
  }
}

function headline(scores) {
  const hundred = (share) => Math.round(100 * share);
  if (scores.micro_precision === undefined) return "There are no test scores of this model as it is run here.";
  return (
    `On ${films(scores.films)} that the model had not seen: of the genres it gave, ` +
    `${hundred(scores.micro_precision)} in 100 were in the catalogue; of the catalogue's genres, ` +
    `it gave ${hundred(scores.micro_recall)} in 100.`
  );
}

function row(genre) {
  const share = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
  const test = genre.test ?? {};
  const cells = [count(genre.train_films ?? 0), share(genre.threshold), share(test.precision), share(test.recall), share(test.f1)];
  return node("tr", {}, node("th", { scope: "row" }, genre.name), ...cells.map((text) => node("td", { class: "number" }, text)));
}

function filter() {
  const wanted = by("filter").value.trim().toLowerCase();
  for (const own of by("figures-rows").rows) own.hidden = !own.cells[0].textContent.toLowerCase().includes(wanted);
}
