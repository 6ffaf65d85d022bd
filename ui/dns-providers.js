// The page "DNS providers": the part of the address after # says what it shows.
import { session } from "./api.js";
import { el } from "./dom.js";
import { alertOf } from "./problem.js";
import { may, showHeader } from "./shell.js";
import { addPage, editPage } from "./dns/edit.js";
import { listPage } from "./dns/list.js";
import { providerPage } from "./dns/provider.js";
import { typesPage } from "./dns/types.js";

/** What is shown at which address, and the role it needs; each answers its title and its content. */
const ROUTES = [
  [/^$/, listPage, "viewer"],
  [/^add$/, typesPage, "operator"],
  [/^add\/([^/]+)$/, addPage, "operator"],
  [/^provider\/([^/]+)$/, providerPage, "viewer"],
  [/^provider\/([^/]+)\/edit$/, editPage, "operator"],
];
const main = document.querySelector("main");
const notice = document.getElementById("notice");
const who = await session();
let shown = 0;

/** What a page can ask of the frame it stands in. */
const frame = {
  session: who,
  /** Goes to another view; `say` is told there. */
  go(address, say = "") {
    frame.said = say;
    if (location.hash.slice(1) === address) show();
    else location.hash = address;
  },
  said: "",
  say(text) {
    notice.replaceChildren(text ? el("p", {}, text) : "");
  },
};

async function show() {
  shown += 1;
  const turn = shown;
  main.setAttribute("aria-busy", "true");
  const view = await viewOf(location.hash.slice(1)).catch(refused);
  if (turn !== shown) return; // the reader went on meanwhile
  document.title = `${view.title} – Evercert`;
  // Told together with what it is true of: who reads it can act on what he sees.
  main.replaceChildren(...view.content);
  frame.say(frame.said);
  frame.said = "";
  main.removeAttribute("aria-busy");
  (main.querySelector("[data-focus]") || main).focus();
  view.afterwards?.();
}

async function viewOf(address) {
  for (const [pattern, page, role] of ROUTES) {
    const parts = address.match(pattern);
    if (parts && !may(who, role)) return refused({ message: `This needs the role ${role}.`, remedy: "Ask an administrator." });
    if (parts) return page(frame, ...parts.slice(1).map(decodeURIComponent));
  }
  return refused({ message: "There is no such page.", remedy: "" });
}

function refused(problem) {
  const back = el("p", {}, el("a", { href: "#" }, "All DNS providers"));
  return { title: "DNS providers", content: [el("h1", {}, "DNS providers"), alertOf(problem), back] };
}

showHeader(who);
window.addEventListener("hashchange", show);
await show();
