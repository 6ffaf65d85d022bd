// The pages that add and edit a DNS provider, with the form made from its kind's description.
import { call, list, path } from "../api.js";
import { el, freshId, outward } from "../dom.js";
import { clearProblems, showProblem } from "../problem.js";
import { settingsForm } from "./fields.js";
import { pasteBox } from "./paste-box.js";
import { propagationForm } from "./propagation.js";
import { badgesOf, typeOf, types } from "./types.js";

/** Adds a provider of a kind. */
export async function addPage(frame, code) {
  const [type, all, others] = await Promise.all([typeOf(code), types(), list("/api/v1/dns-providers")]);
  const settings = settingsForm(type);
  const propagation = propagationForm();
  const name = nameField(freeName(code, others));
  const skip = el("input", { type: "checkbox" });
  const save = async () => {
    const answer = await call("POST", "/api/v1/dns-providers", {
      name: name.input.value.trim(), type: code, settings: settings.values(), propagation: propagation.values(),
      skip_test: skip.checked,
    });
    frame.go(`provider/${encodeURIComponent(answer.name)}`, `${answer.name} was added. Test it, then map its domains.`);
  };
  const form = formOf({
    parts: [name.node, pasteBox(type, all, settings.fill), settings.node, propagation.node, untried(skip)],
    verb: "Save", back: "#add", check: () => name.missing() || settings.missing(), save,
  });
  return {
    title: `Add ${type.name}`,
    content: [back("#add", "All services"), el("h1", {}, `Add ${type.name}`), ...about(type), form],
    afterwards: () => form.querySelector(".settings input, .settings textarea")?.focus(),
  };
}

/** Edits a saved provider. */
export async function editPage(frame, saved) {
  const provider = await call("GET", path`/api/v1/dns-providers/${saved}`);
  const [type, all] = await Promise.all([typeOf(provider.type), types()]);
  const settings = settingsForm(type, provider.settings);
  const propagation = propagationForm(provider.propagation);
  const name = nameField(provider.name);
  const skip = el("input", { type: "checkbox" });
  const save = async () => {
    const answer = await call("PATCH", path`/api/v1/dns-providers/${saved}`, {
      name: name.input.value.trim() === provider.name ? undefined : name.input.value.trim(),
      settings: settings.changes(),
      propagation: propagation.isChanged() ? propagation.values() : undefined,
      skip_test: skip.checked,
    });
    frame.go(`provider/${encodeURIComponent(answer.name)}`, "Saved.");
  };
  const here = `#provider/${encodeURIComponent(saved)}`;
  const form = formOf({
    parts: [name.node, pasteBox(type, all, settings.fill), settings.node, propagation.node,
      untried(skip)],
    verb: "Save", back: here, check: () => name.missing() || settings.missing(), save,
  });
  return {
    title: `Edit ${provider.name}`,
    content: [back(here, provider.name), el("h1", {}, `Edit ${provider.name}`), ...about(type), form],
  };
}

function untried(skip) {
  return el("label", { class: "check" }, skip, "Save without trying whether the service takes the settings");
}

function back(href, name) {
  return el("p", { class: "back" }, el("a", { href }, name));
}

/** What one should know before filling in. */
function about(type) {
  const badges = badgesOf(type);
  const docs = type.docs && el("p", {}, outward("Documentation of the service", type.docs));
  const rights = type.least_privilege && el("p", { class: "hint" }, el("strong", {}, "Give it no more than it needs. "), type.least_privilege);
  const notes = type.notes?.length > 0 && el("ul", { class: "hint" }, type.notes.map((note) => el("li", {}, note)));
  return [badges.length > 0 && el("p", { class: "badges" }, badges), docs, rights, notes].filter(Boolean);
}

function nameField(value) {
  const id = freshId("name");
  const input = el("input", { id, type: "text", maxlength: "64", autocomplete: "off", spellcheck: "false", value, "aria-describedby": `${id}-help` });
  const node = el("div", { class: "field", "data-pointer": "/name" }, el("label", { for: id }, "Name"), input,
    el("p", { class: "help", id: `${id}-help` }, "What you call it here."));
  const missing = () => (input.value.trim() ? null : { pointer: "/name", message: "Name is missing.", remedy: "" });
  return { node, input, missing };
}

/** The kind's code, or the first number after it that no provider has. */
function freeName(code, others) {
  const taken = new Set(others.map((one) => one.name));
  let name = code;
  for (let number = 2; taken.has(name); number += 1) name = `${code}-${number}`;
  return name;
}

function formOf({ parts, verb, back: leave, check, save }) {
  const button = el("button", { type: "submit" }, verb);
  const submit = async (event) => {
    event.preventDefault();
    clearProblems(form);
    const missing = check();
    if (missing) return showProblem(form, missing);
    button.disabled = true;
    button.textContent = "Saving…";
    try {
      await save();
    } catch (problem) {
      showProblem(form, problem);
    } finally {
      button.disabled = false;
      button.textContent = verb;
    }
  };
  const form = el("form", { novalidate: true, class: "card", on: { submit } },
    el("div", { "data-problems": true }), parts,
    el("div", { class: "buttons" }, button, el("a", { class: "button quiet", href: leave }, "Cancel")));
  return form;
}
