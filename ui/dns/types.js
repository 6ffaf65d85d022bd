// The kinds of DNS providers: what the Console knows of them, and choosing one.
import { list } from "../api.js";
import { badge, el } from "../dom.js";

const PROOFS = {
  real_server: "tested with the real server",
  recording: "tested with recorded answers",
  documentation: "tested from its documentation only",
};
let known;

/** All kinds, by name; asked for once. */
export function types() {
  known ??= list("/api/v1/dns-providers/types").then((all) => all.sort((a, b) => a.name.localeCompare(b.name)));
  known.catch(() => { known = undefined; });
  return known;
}

/** The kind of a code; one that this Console does not know has no fields. */
export async function typeOf(code) {
  const found = (await types()).find((one) => one.code === code);
  return found || { code, name: code, docs: "", fields: [], one_of: [] };
}

/** How far a kind can be relied on. */
export function badgesOf(type) {
  const proof = PROOFS[type.proof];
  return [...warningsOf(type), proof && type.proof !== "documentation" && badge(proof)].filter(Boolean);
}

/** What one should know before choosing it. */
function warningsOf(type) {
  return [type.unofficial && badge("unofficial, may break", "warn"),
    type.proof === "documentation" && badge(PROOFS.documentation, "warn")].filter(Boolean);
}

/** The page that asks which kind a new provider is of. */
export async function typesPage() {
  const all = await types();
  const found = el("ul", { class: "choices" }, all.map(choice));
  const count = el("p", { class: "soft", role: "status" }, `${all.length} services`);
  const search = el("input", {
    id: "search", type: "search", autocomplete: "off", "data-focus": true, spellcheck: "false",
    on: { input: () => narrow(all, found, count, search.value), keydown: (event) => enter(event, found) },
  });
  found.addEventListener("keydown", (event) => step(event, found, search));
  return {
    title: "Add a DNS provider",
    content: [
      el("p", { class: "back" }, el("a", { href: "#" }, "DNS providers")),
      el("h1", {}, "Add a DNS provider"),
      el("div", { class: "field" }, el("label", { for: "search" }, "Where is your DNS?"), search),
      count, found,
    ],
  };
}

function choice(type) {
  return el("li", { "data-code": type.code },
    el("a", { href: `#add/${encodeURIComponent(type.code)}` },
      el("strong", {}, type.name), el("code", {}, type.code), el("span", { class: "badges" }, warningsOf(type))));
}

/** Names are found by any part, without regard to case, spaces and dots. */
function narrow(all, found, count, text) {
  const plain = (given) => given.toLowerCase().replace(/[\s._-]/g, "");
  const wanted = plain(text);
  const fits = new Set(all.filter((type) => [type.name, type.code].some((name) => plain(name).includes(wanted)))
    .map((type) => type.code));
  for (const item of found.children) item.hidden = !fits.has(item.dataset.code);
  count.textContent = fits.size ? `${fits.size} of ${all.length} services`
    : "None of this name. “Program”, “Webhook” and “acme.sh script” reach any other service.";
}

const visible = (found) => [...found.querySelectorAll("li:not([hidden]) a")];

/** From the search, Enter takes the first one, and arrow down goes into the list. */
function enter(event, found) {
  const [first] = visible(found);
  if (!first) return;
  if (event.key === "Enter") first.click();
  if (event.key === "ArrowDown") {
    event.preventDefault();
    first.focus();
  }
}

function step(event, found, search) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const links = visible(found);
  (links[links.indexOf(document.activeElement) + by] || (by < 0 ? search : links.at(-1))).focus();
}
