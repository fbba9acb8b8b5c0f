// Where in a plot the evidence for a genre lies; no document is touched here.

// Shares of the largest contribution: below the first a sentence stays plain.
const MARKED = 0.15;
const MIDDLE = 0.35;
const DEEP = 0.65;
// Of words a plot has hundreds, with a little weight each.
const TELLING = 0.3;
const MOST_WORDS = 6;
const WORD = /[\p{L}\p{N}_]{2,}/gu;

// Runs of the plot in order: {text, side, depth, words: [{text, side}]}, side "for", "against" or null.
export function runs(plot, why) {
  const largest = Math.max(0, ...why.sentences.map((one) => Math.abs(one.contribution)));
  const at = offsets(plot);
  const telling = tellingWords(why);
  const words = wordSides(plot, [...telling.for, ...telling.against]);
  const found = [];
  let end = 0;
  const push = (begin, stop, side, depth) => {
    if (begin < stop) found.push({ side, depth, words: cut(plot, begin, stop, words) });
  };
  for (const one of why.sentences) {
    const [begin, stop] = [at(one.start), at(one.end)];
    const share = largest ? Math.abs(one.contribution) / largest : 0;
    push(end, begin, null, null);
    if (share < MARKED) push(begin, stop, null, null);
    else push(begin, stop, one.contribution > 0 ? "for" : "against", share < MIDDLE ? "faint" : share < DEEP ? "middle" : "deep");
    end = stop;
  }
  push(end, plot.length, null, null);
  return found;
}

// The words worth showing of both sides, strongest first.
export function tellingWords(why) {
  const least = TELLING * Math.max(0, ...why.words.map((one) => Math.abs(one.contribution)));
  const side = (sign) => why.words.filter((one) => sign * one.contribution >= least && one.contribution).slice(0, MOST_WORDS);
  return { for: side(1), against: side(-1) };
}

// The service counts characters, a browser counts UTF-16 units: an emoji is one there and two here.
function offsets(plot) {
  if (!/[\ud800-\udfff]/.test(plot)) return (index) => index;
  const starts = [];
  let unit = 0;
  for (const character of plot) {
    starts.push(unit);
    unit += character.length;
  }
  return (index) => starts[index] ?? plot.length;
}

// Begin, end and side of each place of a telling word or pair; the stronger wins where they meet.
function wordSides(plot, told) {
  const tokens = [...plot.matchAll(WORD)].map((match) => ({
    begin: match.index,
    end: match.index + match[0].length,
    text: match[0].toLowerCase().normalize("NFC"),
  }));
  const places = new Map();
  const note = (text, first, last) => places.set(text, [...(places.get(text) ?? []), [first, last]]);
  tokens.forEach((token, i) => {
    note(token.text, i, i);
    if (i + 1 < tokens.length) note(`${token.text} ${tokens[i + 1].text}`, i, i + 1);
  });
  const sides = new Array(tokens.length).fill(null);
  for (const word of told) {
    for (const [first, last] of places.get(word.text) ?? []) {
      for (let i = first; i <= last; i++) sides[i] ??= word.contribution > 0 ? "for" : "against";
    }
  }
  return tokens.map((token, i) => ({ ...token, side: sides[i] })).filter((token) => token.side);
}

function cut(plot, begin, end, words) {
  const parts = [];
  let at = begin;
  for (const word of words) {
    if (word.begin < begin || word.end > end) continue;
    if (at < word.begin) parts.push({ text: plot.slice(at, word.begin), side: null });
    parts.push({ text: plot.slice(word.begin, word.end), side: word.side });
    at = word.end;
  }
  if (at < end) parts.push({ text: plot.slice(at, end), side: null });
  return parts;
}
