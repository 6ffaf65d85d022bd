// Calls the Console's REST API as the signed-in user; a refusal becomes a Problem (RFC 9457).

/** What the Console refused, and why; `pointer` says which part of the request is meant. */
export class Problem extends Error {
  constructor(document) {
    super(document.detail || document.title || "The Console refused this.");
    this.status = document.status || 0;
    this.code = document.code || "";
    this.remedy = document.remedy || "";
    this.pointer = document.pointer || "";
    this.requestId = document.request_id || "";
  }
}

const NO_ANSWER = {
  detail: "The Console does not answer.",
  remedy: "Check that it runs and that this computer reaches it, then try again.",
};
const SIGNED_OUT = {
  detail: "Your session is over.",
  remedy: "Sign in in another tab, then come back and do this again: nothing that you filled in is lost.",
  status: 401,
};
let csrf = "";

/** Who is signed in; without a session the sign-in page is opened. */
export async function session() {
  return remembered(await call("GET", "/api/v1/session"));
}

/** Who is signed in, or nothing. */
export async function sessionIfAny() {
  const response = await request("GET", "/api/v1/session");
  return response.ok ? remembered(await response.json()) : null;
}

/** Signs in; the answer sets the session's cookie. */
export function signIn(name, password) {
  return begin("/api/v1/session", { name, password });
}

/** Makes the first administrator with the set-up token, and signs in. */
export function setUp(token, name, password) {
  return begin("/api/v1/setup", { setup_token: token, name, password });
}

/** Calls an endpoint; answers its JSON, or nothing where it has none. */
export async function call(method, path, body) {
  const response = await accepted(method, await authorized(method, path, body));
  return response.status === 204 ? null : response.json();
}

/** The members of a list. */
export async function list(path) {
  return (await call("GET", path)).items;
}

/** Calls an endpoint that answers one JSON value a line, as it comes. */
export async function* lines(method, path, body) {
  const response = await accepted(method, await authorized(method, path, body, "application/x-ndjson"));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw new Problem(NO_ANSWER); });
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
  }
  if (rest.trim()) yield JSON.parse(rest);
}

/** A path whose parts may hold any character: `` path`/api/v1/dns-providers/${name}` ``. */
export function path(texts, ...parts) {
  return String.raw({ raw: texts }, ...parts.map(encodeURIComponent));
}

/** Begins a session; a wrong password is told, and leads nowhere else. */
async function begin(target, body) {
  const response = await request("POST", target, body);
  if (!response.ok) throw await problemOf(response);
  return remembered(await response.json());
}

function remembered(found) {
  csrf = found.csrf_token || "";
  return found;
}

/** A request as whoever is signed in now: after a session ended, that may be by a sign-in in another tab. */
async function authorized(method, target, body, accept) {
  if (!csrf && method !== "GET") {
    const response = await request("GET", "/api/v1/session");
    if (response.ok) remembered(await response.json());
  }
  return request(method, target, body, accept);
}

async function request(method, target, body, accept = "application/json") {
  const headers = { accept };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (csrf && method !== "GET") headers["x-csrf-token"] = csrf;
  const content = body === undefined ? undefined : JSON.stringify(body);
  try {
    return await fetch(target, { method, headers, body: content });
  } catch {
    throw new Problem(NO_ANSWER);
  }
}

/** Who only reads is led to the sign-in page; who changes something must not lose what they filled in. */
async function accepted(method, response) {
  if (response.ok) return response;
  if (response.status !== 401) throw await problemOf(response);
  csrf = "";
  if (method !== "GET") throw new Problem(SIGNED_OUT);
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.hash)}`);
  return new Promise(() => {}); // the page is being left
}

async function problemOf(response) {
  const unreadable = { detail: `The Console answered with status ${response.status}.`, status: response.status };
  return new Problem(await response.json().catch(() => unreadable));
}
