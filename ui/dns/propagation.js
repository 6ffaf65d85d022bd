// How the Console finds out that a record can be seen: the part of the form for it.
import { el, freshId } from "../dom.js";
import { fold } from "./fields.js";

const MODES = [
  ["authoritative", "Ask the zone's own servers"],
  ["servers", "Ask these servers"],
  ["wait", "Only wait"],
  ["off", "Do not look"],
];
const ANY = MODES.map(([mode]) => mode);
const LOOKING = ["servers", "authoritative"];
/** Key, label, help, the modes in which it counts, and choices where not any text will do. */
const FIELDS = [
  ["servers", "Servers", "address:port, separated by commas.", LOOKING],
  ["wait", "How long to wait", "Such as 60s.", ["wait"]],
  ["first_look", "First look after", "Such as 2s; 0s at servers that need no second look.", LOOKING],
  ["poll", "Look again after at most", "Such as 10s. Default: as the service wants it.", LOOKING],
  ["timeout", "Give up after", "Default: 5m, more where the service is slow.", LOOKING],
  ["agreement", "Which servers must show it", "", LOOKING, [["", "all"], ["quorum", "more than half"], ["any", "any one"]]],
  ["settle", "Wait after it was seen", "Such as 30s, for servers that cannot be asked from here. Default: not at all.", LOOKING],
  ["follow_cnames", "CNAMEs at challenge names", "", ANY, [["", "are followed"], ["false", "are not followed"]]],
];

/** The fold, and how it is read: `values()` is what the API takes. */
export function propagationForm(saved = {}) {
  const id = freshId("mode");
  const mode = el("select", { id, value: saved.mode || "authoritative", on: { change: () => arrange() } },
    MODES.map(([value, name]) => el("option", { value }, name)));
  const rows = FIELDS.map(([key, label, help, modes, choices]) => row({ key, label, help, modes, choices }, saved[key]));
  const known = new Set(["mode", ...rows.map((one) => one.key)]);
  const unknown = Object.fromEntries(Object.entries(saved).filter(([key]) => !known.has(key)));
  const arrange = () => rows.forEach((one) => {
    one.node.hidden = !one.modes.includes(mode.value);
    one.mark.textContent = mode.value === one.key || one.choices ? "" : " optional";
  });
  arrange();
  const given = () => {
    const entries = rows.filter((one) => !one.node.hidden && one.text()).map((one) => [one.key, one.read()]);
    const named = mode.value === "authoritative" && !saved.mode ? [] : [["mode", mode.value]];
    // All is sent that was set, also what this form does not know: it takes the place of what is saved.
    return { ...unknown, ...Object.fromEntries([...named, ...entries]) };
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

function row({ key, label, help, modes, choices }, saved) {
  const id = freshId("propagation");
  const shown = Array.isArray(saved) ? saved.join(", ") : String(saved ?? "");
  const shared = { id, "data-key": key, "aria-describedby": `${id}-help`, value: choices && !isOf(choices, shown) ? "" : shown };
  const input = choices ? el("select", shared, choices.map(([value, name]) => el("option", { value }, name)))
    : el("input", { ...shared, type: "text", autocomplete: "off", spellcheck: "false" });
  const mark = el("span", { class: "optional" });
  const node = el("div", { class: "field", "data-pointer": `/propagation/${key}` }, el("label", { for: id }, label, mark), input,
    el("p", { class: "help", id: `${id}-help`, hidden: !help }, help));
  const text = () => input.value.trim();
  return { key, modes, choices, mark, input, node, text, read: () => READ[key]?.(text()) ?? text() };
}

/** What is not sent as text. */
const READ = {
  servers: (text) => text.split(/[\s,]+/).filter(Boolean),
  follow_cnames: (text) => text !== "false",
};

/** "all" and "true" are what counts when nothing is chosen. */
function isOf(choices, value) {
  return choices.some(([choice]) => choice === value);
}
