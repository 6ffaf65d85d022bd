// One DNS provider: its domains, its test, its settings, and what can be done with it.
import { call, path } from "../api.js";
import { confirmed } from "../dialog.js";
import { badge, el, outward } from "../dom.js";
import { showProblem } from "../problem.js";
import { may } from "../shell.js";
import { ago } from "../words.js";
import { concerned, domainsPart, stopped } from "./domains.js";
import { lastTest, stateOf } from "./list.js";
import { testPart } from "./test.js";
import { badgesOf, typeOf } from "./types.js";

/** Shows a provider. */
export async function providerPage(frame, name) {
  const provider = await call("GET", path`/api/v1/dns-providers/${name}`);
  const type = await typeOf(provider.type);
  const again = (say) => frame.go(`provider/${encodeURIComponent(name)}`, say);
  const changes = may(frame.session, "operator");
  return {
    title: name,
    content: [
      el("p", { class: "back" }, el("a", { href: "#" }, "DNS providers")),
      el("div", { class: "head" }, el("h1", {}, name), stateOf(provider), changes && actions(frame, provider, again)),
      el("p", { class: "badges" }, outward(type.name, type.docs), el("span", { class: "soft" }, "added ", ago(provider.created_at)),
        badgesOf(type)),
      domainsPart(provider, changes, again),
      changes ? testPart(provider) : el("section", { class: "card" }, el("h2", {}, "Test"), el("p", {}, "Last test: ", lastTest(provider.last_test))),
      settingsPart(provider, type),
    ],
  };
}

function actions(frame, provider, again) {
  const address = `#provider/${encodeURIComponent(provider.name)}/edit`;
  const act = (id, text, click, kind = "quiet") => el("button", { type: "button", id, class: kind, on: { click } }, text);
  return el("div", { class: "buttons" },
    el("a", { class: "button quiet", id: "edit", href: address }, "Edit"),
    provider.active ? act("disable", "Disable", () => disable(provider, again)) : act("enable", "Enable", () => enable(provider, again)),
    act("remove", "Remove", () => remove(frame, provider), "quiet danger"));
}

async function disable(provider, again) {
  const changed = await confirmed({
    title: `Disable ${provider.name}?`,
    body: [el("p", {}, "Nothing is written through it until it is enabled again."), await concerned(provider.domains)],
    verb: "Disable",
    act: () => switched(provider, false),
  });
  if (changed) again(`${provider.name} is disabled.${stopped(changed.blocked || [])}`);
}

async function enable(provider, again) {
  try {
    await switched(provider, true);
    again(`${provider.name} is enabled.`);
  } catch (problem) {
    showProblem(document.querySelector("main"), problem);
  }
}

function switched(provider, active) {
  return call("PATCH", path`/api/v1/dns-providers/${provider.name}`, { active });
}

async function remove(frame, provider) {
  const gone = await confirmed({
    title: `Remove ${provider.name}?`,
    body: el("p", {}, "Its credentials are erased here. At the service they stay valid: revoke them there."),
    verb: "Remove",
    act: async () => {
      await call("DELETE", path`/api/v1/dns-providers/${provider.name}`);
      return true;
    },
  });
  if (gone) frame.go("", `${provider.name} was removed.`);
}

function settingsPart(provider, type) {
  const rows = type.fields.filter((field) => provider.settings[field.key] !== undefined).map((field) => [
    el("dt", {}, field.label),
    el("dd", {}, field.secret ? badge("secret, kept encrypted") : provider.settings[field.key]),
  ]);
  const watch = provider.propagation.mode && [el("dt", {}, "Records are looked for"), el("dd", {}, watchWords(provider.propagation))];
  return el("section", { class: "card" }, el("h2", {}, "Settings"),
    rows.length || watch ? el("dl", {}, rows, watch || []) : el("p", { class: "soft" }, "All as preset."));
}

function watchWords({ mode, servers, wait }) {
  if (mode === "servers") return `at ${(servers || []).join(", ")}`;
  if (mode === "wait") return `not at all; ${wait || "a while"} is waited`;
  return mode === "off" ? "not at all" : "at the zone's own servers";
}
