// The form of a kind of DNS provider, made from its description: fields, secrets, ways to log in.
import { el, freshId } from "../dom.js";

/** Of interest to few: they stand in a fold. */
const RARE = /(^|_)(url|bundle|ttl|timeout)$/;
/** Values of several lines, as the descriptions' help says it. */
const LINES = /\b(PEM|JSON|one a line)\b/;

/**
 * The settings of a kind; `saved` holds what is set already, secrets as `***`, when a provider is edited.
 * Answers the form's part, and how it is read and filled.
 */
export function settingsForm(type, saved = {}) {
  const ways = type.one_of || [];
  const grouped = new Set(ways.flat());
  const isOptional = (field) => field.optional && (!grouped.has(field.key) || Boolean(field.default));
  const rows = new Map(type.fields.map((field) => [field.key, row(field, isOptional(field), saved[field.key])]));
  const plain = type.fields.filter((field) => !grouped.has(field.key));
  const nodes = (fields) => fields.map((field) => rows.get(field.key).node);
  const choice = ways.length > 1 ? wayChoice(type, ways, rows, saved) : null;
  const inGroups = type.fields.filter((field) => grouped.has(field.key));
  const rare = plain.filter(isRare);
  const node = el("div", { class: "settings", "data-pointer": "/settings" },
    choice?.node, nodes(inGroups), nodes(plain.filter((field) => !isRare(field))),
    rare.length > 0 && fold(`More settings (${rare.length})`, nodes(rare), rare.some((field) => saved[field.key])));
  const needed = () => type.fields.filter((field) => !rows.get(field.key).node.hidden
    && !isOptional(field));
  return {
    node,
    /** The first needed field without a value, as a problem of the API would name it. */
    missing() {
      const field = needed().find((one) => !rows.get(one.key).isGiven());
      return field && { pointer: `/settings/${field.key}`, message: `${field.label} is missing.`, remedy: "" };
    },
    /** The settings of a new provider. */
    values: () => Object.fromEntries([...rows].flatMap(([key, one]) => {
      const given = one.node.hidden ? "" : one.text();
      return given ? [[key, given]] : [];
    })),
    /** What is to be changed of a saved provider: other values, and `null` for those that go. */
    changes: () => Object.fromEntries([...rows].flatMap(([key, one]) => one.change().map((value) => [key, value]))),
    /** Fills fields by key; those that are not of the chosen way to log in choose theirs. */
    fill(values) {
      choice?.prefer([...values.keys()]);
      for (const [key, value] of values) rows.get(key)?.fill(value);
    },
  };
}

function isRare(field) {
  return field.optional && (field.default !== null || RARE.test(field.key));
}

/** A part of the form that is closed until somebody wants it. */
export function fold(title, content, open = false) {
  return el("details", { open }, el("summary", {}, title), el("div", {}, content));
}

/** One field: label, control, help. */
function row(field, isOptional, saved) {
  const id = freshId("setting");
  const kept = field.secret && saved !== undefined;
  const input = control(field, id, kept, saved);
  const drop = kept && isOptional ? dropBox(input) : null;
  const node = el("div", { class: "field", "data-pointer": `/settings/${field.key}` },
    el("label", { for: id }, field.label, isOptional && el("span", { class: "optional" }, " optional")),
    field.secret ? el("div", { class: "control" }, input, showSwitch(input, field.label)) : input,
    drop?.node,
    el("p", { class: "help", id: `${id}-help` }, help(field)));
  const text = () => input.value.trim();
  return {
    node,
    text,
    isGiven: () => text() !== "" || (kept && !drop?.box.checked),
    fill(value) { input.value = value; },
    change() {
      if (node.hidden || drop?.box.checked) return saved === undefined ? [] : [null];
      if (field.secret) return text() ? [text()] : [];
      if (text() === (saved ?? "")) return [];
      return [text() || null];
    },
  };
}

function help(field) {
  return [field.help, field.default && ` Default: ${field.default}.`].filter(Boolean).join("");
}

function control(field, id, kept, saved) {
  const shared = {
    id, "aria-describedby": `${id}-help`, autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    "data-key": field.key, placeholder: kept ? "kept unless replaced" : field.default,
    value: field.secret ? "" : saved,
  };
  if (LINES.test(field.help)) return el("textarea", { ...shared, rows: "4", class: field.secret ? "masked" : null });
  // "new-password" keeps browsers from filling in, and offering to save, what is no log-in of this site.
  return field.secret ? el("input", { ...shared, type: "password", autocomplete: "new-password" })
    : el("input", { ...shared, type: "text" });
}

/** Shows what is typed into a secret field, and hides it again. */
function showSwitch(input, label) {
  const flip = () => {
    const shows = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(shows));
    if (input.tagName === "TEXTAREA") input.classList.toggle("masked", !shows);
    else input.type = shows ? "text" : "password";
    button.textContent = shows ? "Hide" : "Show";
  };
  const button = el("button",
    { type: "button", class: "quiet small", "aria-pressed": "false", "aria-label": `Show ${label}`, on: { click: flip } },
    "Show");
  return button;
}

function dropBox(input) {
  const box = el("input", { type: "checkbox", on: { change: () => { input.disabled = box.checked; } } });
  return { box, node: el("label", { class: "check" }, box, "Remove it") };
}

/** The choice between ways to log in; only the fields of the chosen one are shown, and sent. */
function wayChoice(type, ways, rows, saved) {
  const name = freshId("way");
  const labels = new Map(type.fields.map((field) => [field.key, field.label]));
  const optional = new Set(type.fields.filter((field) => field.optional).map((field) => field.key));
  const boxes = ways.map(() => el("input", { type: "radio", name, on: { change: () => choose() } }));
  const choose = (index = boxes.findIndex((box) => box.checked)) => {
    boxes[index].checked = true;
    for (const key of new Set(ways.flat())) rows.get(key).node.hidden = !ways[index].includes(key);
  };
  const best = (keys) => {
    const hits = ways.map((way) => way.filter((key) => keys.includes(key)).length);
    const most = Math.max(...hits);
    return most > 0 ? hits.indexOf(most) : -1;
  };
  choose(Math.max(0, best(Object.keys(saved).filter((key) => optional.has(key)))));
  const words = (way) => way.map((key) => labels.get(key) || key).join(" and ");
  return {
    node: el("fieldset", { class: "ways" }, el("legend", {}, "Log in with"),
      ways.map((way, index) => el("label", { class: "check" }, boxes[index], words(way)))),
    prefer(keys) {
      const index = best(keys);
      if (index >= 0) choose(index);
    },
  };
}
