// The box into which settings of acme.sh or lego are pasted; nothing of it leaves the browser until the form is saved.
import { el, freshId } from "../dom.js";
import { fold } from "./fields.js";
import { kindsFor, matchSettings, parseSettings } from "./paste.js";

/** The box for a kind among all kinds; `fill` gets the values by key. */
export function pasteBox(type, all, fill) {
  const id = freshId("paste");
  const said = el("div", { role: "status" });
  const text = el("textarea", {
    id, rows: "5", class: "mono", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    "aria-describedby": `${id}-help`, placeholder: example(type),
  });
  const take = () => {
    const variables = parseSettings(text.value);
    const match = matchSettings(type, variables);
    fill(match.values);
    said.replaceChildren(...report(type, all, variables, match));
    if (match.values.size) text.value = "";
  };
  return fold("Paste settings of acme.sh or lego", [
    el("div", { class: "field" },
      el("label", { for: id }, "Variables, as you set them there"), text,
      el("p", { class: "help", id: `${id}-help` },
        "Shell lines, account.conf, an .env or compose file. They are read here, in the browser.")),
    el("div", { class: "buttons" }, el("button", { type: "button", class: "quiet", on: { click: take } }, "Fill in the form")),
    said,
  ]);
}

function example(type) {
  const names = type.fields.flatMap((field) => field.acme_sh_env.slice(0, 1));
  return names.slice(0, 2).map((name) => `export ${name}="…"`).join("\n");
}

/** What was done with the variables; their values are not told. */
function report(type, all, variables, { values, unknown, files }) {
  const labels = type.fields.filter((field) => values.has(field.key)).map((field) => field.label);
  const lines = [];
  if (!variables.size) lines.push(el("p", {}, "No variables found. Expected are lines such as NAME=value."));
  if (labels.length) lines.push(el("p", { class: "good" }, `Filled in: ${labels.join(", ")}.`));
  if (files.length) lines.push(el("p", {}, `${files.join(", ")}: a file's path. Paste what is in the file.`));
  if (unknown.length) lines.push(el("p", {}, `Not used for ${type.name}: ${unknown.join(", ")}.`));
  const others = values.size ? [] : kindsFor(all, variables).filter((one) => one.code !== type.code).slice(0, 3);
  for (const other of others) {
    lines.push(el("p", {}, "These are variables of ",
      el("a", { href: `#add/${encodeURIComponent(other.code)}` }, other.name), "."));
  }
  return lines;
}
