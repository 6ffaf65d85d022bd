// How the Console finds out that a record can be seen: the part of the form for it.
import { el, freshId } from "../dom.js";
import { fold } from "./fields.js";

const MODES = [
  ["authoritative", "Ask the zone's own servers"],
  ["servers", "Ask these servers"],
  ["wait", "Only wait"],
  ["off", "Do not look"],
];
const FIELDS = [
  ["servers", "Servers", "address:port, separated by commas.", ["servers", "authoritative"]],
  ["wait", "How long to wait", "Such as 60s.", ["wait"]],
  ["first_look", "First look after", "Such as 2s.", ["servers", "authoritative"]],
  ["timeout", "Give up after", "Default: 5m.", ["servers", "authoritative"]],
];

/** The fold, and how it is read: `values()` is what the API takes. */
export function propagationForm(saved = {}) {
  const id = freshId("mode");
  const mode = el("select", { id, value: saved.mode || "authoritative", on: { change: () => arrange() } },
    MODES.map(([value, name]) => el("option", { value }, name)));
  const rows = FIELDS.map(([key, label, help, modes]) => row(key, label, help, modes, saved[key]));
  const arrange = () => rows.forEach((one) => {
    one.node.hidden = !one.modes.includes(mode.value);
    one.mark.textContent = mode.value === one.key ? "" : " optional";
  });
  arrange();
  const given = () => {
    const entries = rows.filter((one) => !one.node.hidden && one.input.value.trim()).map((one) => [one.key, one.read()]);
    const named = mode.value === "authoritative" && !saved.mode ? [] : [["mode", mode.value]];
    return Object.fromEntries([...named, ...entries]);
  };
  const before = JSON.stringify(given());
  const isSet = Object.keys(saved).length > 0;
  const node = fold("How to see that a record is public", [
    el("div", { "data-pointer": "/propagation" },
      el("div", { class: "field", "data-pointer": "/propagation/mode" }, el("label", { for: id }, "Before the CA is told"), mode),
      rows.map((one) => one.node)),
  ], isSet);
  return { node, values: given, isChanged: () => JSON.stringify(given()) !== before };
}

function row(key, label, help, modes, saved) {
  const id = freshId("propagation");
  const input = el("input", {
    id, type: "text", autocomplete: "off", spellcheck: "false", "data-key": key, "aria-describedby": `${id}-help`,
    value: Array.isArray(saved) ? saved.join(", ") : saved,
  });
  const mark = el("span", { class: "optional" });
  const node = el("div", { class: "field", "data-pointer": `/propagation/${key}` }, el("label", { for: id }, label, mark), input,
    el("p", { class: "help", id: `${id}-help` }, help));
  const text = () => input.value.trim();
  return { key, modes, mark, input, node, read: () => (key === "servers" ? text().split(/[\s,]+/).filter(Boolean) : text()) };
}
