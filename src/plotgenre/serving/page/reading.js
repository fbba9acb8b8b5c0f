// The plot as it is read after the answer, with the evidence for a genre marked in it.
import { by, node } from "./nodes.js";
import { runs, tellingWords } from "./marks.js";

const SIDES = { for: "speaks for it: ", against: "speaks against it: " };

export function showPlain(plot) {
  by("text").textContent = plot;
  by("evidence").hidden = true;
}

export function showMarked(plot, why) {
  by("text").replaceChildren(...runs(plot, why).map(marked));
  const sides = [
    [`Words for ${why.genre}`, listed(why, "for")],
    [`Words against ${why.genre}`, listed(why, "against")],
  ].filter(([, words]) => words.length);
  by("words").replaceChildren(
    ...sides.flatMap(([title, words]) => [node("dt", {}, title), node("dd", {}, words.join(", "))]),
  );
  by("evidence").hidden = false;
}

// What a screen reader is told when a genre was pressed.
export function told(why) {
  const count = (sign) => why.sentences.filter((one) => one.contribution * sign > 0).length;
  const words = listed(why, "for");
  const said = `${why.genre}: ${count(1)} of ${why.sentences.length} sentences speak for it, ${count(-1)} against.`;
  return words.length ? `${said} Words for it: ${words.join(", ")}.` : said;
}

function listed(why, side) {
  return tellingWords(why)[side].map((one) => one.text.trim());
}

function marked(run) {
  const parts = run.words.map((part) =>
    part.side ? node("span", { class: `word ${part.side}` }, part.text) : part.text,
  );
  if (!run.side) return node("span", {}, ...parts);
  return node("mark", { class: `${run.side} ${run.depth}` }, node("span", { class: "unseen" }, SIDES[run.side]), ...parts);
}
