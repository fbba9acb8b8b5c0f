"use strict";

// Names and texts reach the page as text only: nothing here may set innerHTML.
const at = (id) => document.getElementById(id);

/* Tables that sort by a column: text rises first, numbers fall first. */
function sortBy(table, column, falling, numeric) {
  const body = table.tBodies[0];
  const key = (row) => {
    const cell = row.cells[column];
    return numeric ? Number(cell.dataset.value) : cell.textContent;
  };
  const compare = numeric
    ? (a, b) => a.key - b.key
    : (a, b) => a.key.localeCompare(b.key, "en", { sensitivity: "base" });
  const rows = [...body.rows].map((row) => ({ row, key: key(row) }));
  rows.sort((a, b) => (falling ? compare(b, a) : compare(a, b)));
  body.append(...rows.map(({ row }) => row));
}

function makeSortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = heading.querySelector("button");
    button.addEventListener("click", () => {
      const numeric = button.dataset.kind === "number";
      const before = heading.getAttribute("aria-sort");
      const falling = before === "none" ? numeric : before === "ascending";
      for (const other of headings) other.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
      sortBy(table, column, falling, numeric);
    });
  });
}

function makeFilter(table) {
  const rows = [...table.tBodies[0].rows];
  const apply = () => {
    const wanted = at("filter").value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const fits = row.cells[0].textContent.toLowerCase().includes(wanted)
        && (!at("supported").checked || Number(row.cells[2].dataset.value) > 0);
      row.hidden = !fits;
      shown += fits;
    }
    at("filtered").textContent = `${shown} of ${rows.length} genres`;
  };
  at("filter").addEventListener("input", apply);
  at("supported").addEventListener("change", apply);
  apply();
}

/* The explorer: figures from stored counts, summed over genres for all of them. */
const ratio = (part, whole) => (whole ? part / whole : 0);
const scores = ({ found, predicted, support }) => ({
  precision: ratio(found, predicted),
  recall: ratio(found, support),
  f1: ratio(2 * found, predicted + support),
});
const total = (numbers) => numbers.reduce((sum, number) => sum + number, 0);

function makeExplorer(counts) {
  const slider = at("explore-threshold");
  const genre = at("explore-genre");
  const everything = counts.genres.map((_, j) => j);
  genre.append(new Option("all genres, one threshold", "all"));
  counts.genres.forEach((name, j) => genre.append(new Option(name, String(j))));
  slider.max = String(counts.thresholds.length - 1);

  const columns = () => (genre.value === "all" ? everything : [Number(genre.value)]);
  const countsAt = (chosen, i) => ({
    found: total(chosen.map((j) => counts.found[j][i])),
    predicted: total(chosen.map((j) => counts.predicted[j][i])),
    support: total(chosen.map((j) => counts.support[j])),
  });
  const ownCounts = (chosen) => ({
    found: total(chosen.map((j) => counts.own_found[j])),
    predicted: total(chosen.map((j) => counts.own_predicted[j])),
    support: total(chosen.map((j) => counts.support[j])),
  });
  const nearest = (threshold) => counts.thresholds.reduce(
    (best, value, i) =>
      Math.abs(value - threshold) < Math.abs(counts.thresholds[best] - threshold) ? i : best, 0);

  function show() {
    const chosen = columns();
    const i = Number(slider.value);
    const here = countsAt(chosen, i);
    const figures = scores(here);
    const own = scores(ownCounts(chosen));
    at("explore-at").textContent = String(counts.thresholds[i]);
    slider.setAttribute("aria-valuetext", String(counts.thresholds[i]));
    for (const name of ["precision", "recall", "f1"]) {
      at(`explore-${name}`).textContent = figures[name].toFixed(3);
      at(`meter-${name}`).value = figures[name];
      at(`own-${name}`).textContent = `${own[name].toFixed(3)} as the model decides`;
    }
    const perFilm = (here.predicted / counts.films).toFixed(2);
    at("explore-counts").textContent = genre.value === "all"
      ? `${perFilm} genres a film: ${here.found.toLocaleString("en")} of `
        + `${here.predicted.toLocaleString("en")} right, of ${here.support.toLocaleString("en")} true`
      : `${here.predicted.toLocaleString("en")} films predicted, ${here.found.toLocaleString("en")} `
        + `of them rightly, of ${here.support.toLocaleString("en")} that have it`;
  }

  function choose() {
    const chosen = columns();
    const f1 = counts.thresholds.map((_, i) => scores(countsAt(chosen, i)).f1);
    const best = f1.indexOf(Math.max(...f1));
    // Genres that the model left out have a threshold of 1, which says nothing.
    const used = chosen.map((j) => counts.own[j]).filter((threshold) => threshold < 1);
    const own = (used.length ? used : [1]).sort((a, b) => a - b);
    slider.value = String(nearest(own[Math.floor(own.length / 2)]));
    const ownText = own[0] === own[own.length - 1]
      ? `a threshold of ${own[0]}`
      : `thresholds from ${own[0]} to ${own[own.length - 1]}`;
    at("explore-note").textContent = `The model itself uses ${ownText}. F1 would be highest at `
      + `${counts.thresholds[best]}, with ${f1[best].toFixed(3)}; but a threshold chosen on the `
      + "films that it is scored on flatters itself.";
    show();
  }

  genre.addEventListener("change", choose);
  slider.addEventListener("input", show);
  choose();
}

for (const id of ["genre-table", "confusion-table"]) if (at(id)) makeSortable(at(id));
for (const table of document.querySelectorAll("table.sortable")) makeSortable(table);
if (at("filter")) makeFilter(at("genre-table"));
if (at("counts")) makeExplorer(JSON.parse(at("counts").textContent));
