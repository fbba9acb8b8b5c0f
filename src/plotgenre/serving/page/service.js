// The service's answers, and its errors as one sentence each.

export class ServiceError extends Error {}

export async function send(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new ServiceError("The service does not answer. Is it still running?");
  }
  if (!answer.ok) throw new ServiceError(await sentence(answer));
  return answer;
}

// Whether an error is but a question that nobody waits for any more; what is no sentence is a bug.
export function dropped(error) {
  if (error.name === "AbortError") return true;
  if (!(error instanceof ServiceError)) throw error;
  return false;
}

export async function read(path) {
  return (await send(path)).json();
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

async function sentence(answer) {
  let said;
  try {
    said = (await answer.json()).error;
  } catch {
    said = null;
  }
  // A proxy in front of the service answers in its own words.
  const text = capital(typeof said === "string" && said ? said : `The service answered ${answer.status}`);
  const seconds = Number(answer.headers.get("Retry-After"));
  return seconds > 0 ? `${text} Try again in ${seconds} s.` : text;
}

function capital(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
