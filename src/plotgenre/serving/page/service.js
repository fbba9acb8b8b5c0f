// The service's answers, and its errors as one sentence each.
import { by } from "./nodes.js";

// `seconds` is when the service may be asked again, 0 where it has not said so.
export class ServiceError extends Error {
  constructor(message, seconds = 0) {
    super(message);
    this.seconds = seconds;
  }
}

export async function send(path, options) {
  let answer;
  // Kept in its field alone, so that it is gone with the page.
  const key = by("key").value;
  const headers = { ...options?.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    throw error.name === "AbortError" ? error : new ServiceError("The service does not answer. Is it still running?");
  }
  if (answer.status === 401) by("key-row").hidden = false;
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

// Whether an error is but a question that nobody waits for any more; what is no sentence is a bug.
export function dropped(error) {
  if (error.name === "AbortError") return true;
  if (!(error instanceof ServiceError)) throw error;
  return false;
}

const answers = new Map();

// What does not change while the service runs; asked for once, and again after an error.
export function known(path) {
  if (!answers.has(path)) {
    const answer = send(path).then((found) => found.json());
    answer.catch(() => answers.delete(path));
    answers.set(path, answer);
  }
  return answers.get(path);
}

export async function tag(plot, signal, more) {
  const answer = await send("v1/tag", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ plot, all: true, ...more }),
    signal,
  });
  return (await answer.json()).films[0];
}

async function refusal(answer) {
  let said;
  try {
    said = (await answer.json()).error;
  } catch {
    said = null;
  }
  // A proxy in front of the service answers in its own words.
  const text = capital(typeof said === "string" && said ? said : `The service answered ${answer.status}`);
  const seconds = Number(answer.headers.get("Retry-After")) || 0;
  return new ServiceError(seconds > 0 ? `${text} Try again in ${seconds} s.` : text, seconds);
}

function capital(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
