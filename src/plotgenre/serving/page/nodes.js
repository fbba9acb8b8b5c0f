// Everything that is shown goes through here: text is text, never HTML.

export const by = (id) => document.getElementById(id);

export function node(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Cleared first, so that the same sentence is said again.
export function say(text) {
  by("said").textContent = "";
  setTimeout(() => (by("said").textContent = text), 50);
}

export const percent = (p) => (p < 0.01 ? "< 1\u202f%" : `${Math.round(100 * p)}\u202f%`);

export const count = (n) => n.toLocaleString("en-GB");

export const films = (n) => `${count(n)} ${n === 1 ? "film" : "films"}`;
