// The genres of a plot as bars, and which of them is lit.
import { by, node, percent } from "./nodes.js";

const NEAR = 8;

// `light(name, pinned)` is told the genre to light up, or null; pinned ones were pressed.
export function showGenres(film, thresholds, light) {
  const given = film.genres;
  const names = new Set(given.map((one) => one.name));
  const missed = Object.entries(film.probabilities)
    .filter(([name]) => !names.has(name))
    .map(([name, probability]) => ({ name, probability, threshold: thresholds.get(name) }))
    .sort((one, other) => other.probability - one.probability)
    .slice(0, NEAR);
  const lamp = lighting(by("given"), light);
  by("given").replaceChildren(...given.map((one) => node("li", {}, lamp.button(one))));
  by("missed").replaceChildren(...missed.map((one) => node("li", { class: "genre" }, ...bar(one))));
  by("near").hidden = !missed.length;
  by("near").open = !given.length;
  return lamp;
}

function bar(genre) {
  const drawn = node("span", { class: "bar-line", "aria-hidden": "true" });
  drawn.style.setProperty("--p", genre.probability);
  if (genre.threshold !== undefined) {
    drawn.style.setProperty("--threshold", Math.min(genre.threshold, 1));
    drawn.append(node("i"));
  }
  const said = genre.threshold === undefined ? "" : `, threshold ${percent(genre.threshold)}`;
  return [
    node("span", { class: "name" }, genre.name),
    " ",
    node("span", { class: "percent" }, percent(genre.probability)),
    node("span", { class: "unseen" }, said),
    drawn,
  ];
}

function lighting(list, light) {
  let pinned = null;
  const buttons = new Map();
  const pin = (name) => {
    pinned = name;
    for (const [own, button] of buttons) button.setAttribute("aria-pressed", String(own === name));
    light(name, true);
  };
  const button = (genre) => {
    const made = node("button", { type: "button", class: "genre", "aria-pressed": "false" }, ...bar(genre));
    made.addEventListener("click", () => pin(pinned === genre.name ? null : genre.name));
    for (const event of ["pointerenter", "focus"]) made.addEventListener(event, () => light(genre.name, false));
    for (const event of ["pointerleave", "blur"]) made.addEventListener(event, () => light(pinned, false));
    buttons.set(genre.name, made);
    return made;
  };
  list.onkeydown = (event) => {
    if (event.key === "Escape") pin(null);
  };
  return { button, pinned: () => pinned };
}
