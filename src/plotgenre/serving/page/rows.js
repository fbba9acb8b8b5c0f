// Rows of films as they stream in, and as files to download; no document is touched here.

// The objects of a stream of JSON lines, as each line ends.
export async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    const parts = (rest + (value ?? "")).split("\n");
    rest = done ? "" : parts.pop();
    for (const part of parts) if (part.trim()) yield JSON.parse(part, exact);
    if (done) return;
  }
}

// Numbers of more digits than a browser's keep them, such as a film's number in a large catalogue.
function exact(key, value, context) {
  const large = Number.isInteger(value) && !Number.isSafeInteger(value);
  return large && context && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}

export function csv(columns, rows) {
  const added = names(columns);
  const head = [...columns, added.genres, added.probabilities, added.error];
  const body = rows.map((row) => [
    ...columns.map((column) => row.values[column]),
    row.genres.map((one) => one.name).join("|"),
    row.genres.map((one) => one.probability).join("|"),
    row.error,
  ]);
  return [head, ...body].map((cells) => `${cells.map(cell).join(",")}\r\n`);
}

export function jsonl(columns, rows) {
  const added = names(columns);
  return rows.map((row) => {
    const genres = Object.fromEntries(row.genres.map((one) => [one.name, one.probability]));
    return `${JSON.stringify({
      ...row.values,
      [added.genres]: Object.keys(genres),
      [added.probabilities]: genres,
      [added.error]: row.error,
    })}\n`;
  });
}

// The title of a film among its columns, and the plot.
export function shownColumns(columns) {
  const find = (...wanted) => columns.find((column) => wanted.includes(column.toLowerCase()));
  const plot = find("plot", "synopsis", "summary", "description");
  return { plot, title: find("title", "name", "film") ?? find("id") ?? columns.find((column) => column !== plot) };
}

// A file that has genres already keeps them beside the new ones.
function names(columns) {
  const free = (name) => {
    let own = name;
    while (columns.includes(own)) own = `plotgenre_${own}`;
    return own;
  };
  return { genres: free("genres"), probabilities: free("probabilities"), error: free("error") };
}

function cell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
