// The list of DNS providers.
import { list } from "../api.js";
import { badge, el } from "../dom.js";
import { may } from "../shell.js";
import { ago } from "../words.js";
import { typeOf, types } from "./types.js";

/** All providers, or what to do when there is none. */
export async function listPage(frame) {
  const [providers] = await Promise.all([list("/api/v1/dns-providers"), types()]);
  const rows = await Promise.all(providers.map(async (one) => row(one, await typeOf(one.type))));
  const add = may(frame.session, "operator") && el("a", { class: "button", href: "#add", id: "add" }, "Add");
  return {
    title: "DNS providers",
    content: [
      el("div", { class: "head" }, el("h1", {}, "DNS providers"), add),
      el("p", { class: "soft" }, "They write the TXT records that prove your domains to the CA."),
      rows.length ? table(rows) : empty(add),
    ],
  };
}

function empty(mayAdd) {
  return el("div", { class: "card empty" }, el("p", {}, "There is none yet."),
    mayAdd ? el("p", {}, "Add the service that holds your zones, then map your domains to it.")
      : el("p", {}, "An operator can add one."));
}

function table(rows) {
  const heads = ["Name", "Service", "Domains", "State", "Last test"];
  return el("table", { role: "table", class: "list" },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" },
      heads.map((text) => el("th", { scope: "col", role: "columnheader" }, text)))),
    el("tbody", { role: "rowgroup" }, rows));
}

function row(provider, type) {
  const cells = [
    ["Name", el("a", { href: `#provider/${encodeURIComponent(provider.name)}` }, provider.name)],
    ["Service", type.name],
    ["Domains", domains(provider.domains)],
    ["State", stateOf(provider)],
    ["Last test", lastTest(provider.last_test)],
  ];
  return el("tr", { role: "row" },
    cells.map(([label, content]) => el("td", { role: "cell", "data-label": label }, content)));
}

function domains(mapped) {
  if (!mapped.length) return el("span", { class: "soft" }, "none");
  const more = mapped.length - 3;
  return el("span", {}, mapped.slice(0, 3).join(", "), more > 0 && ` and ${more} more`);
}

/** Whether it is used. */
export function stateOf(provider) {
  return provider.active ? badge("active", "good") : badge("disabled", "plain");
}

/** How the last test ended, and when. */
export function lastTest(test) {
  if (!test) return el("span", { class: "soft" }, "never");
  return el("span", {}, test.ok ? badge("passed", "good") : badge("failed", "bad"), " ", ago(test.at));
}
