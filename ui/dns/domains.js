// The domains that a DNS provider answers for: mapping and unmapping them.
import { call, list, path } from "../api.js";
import { confirmed } from "../dialog.js";
import { el } from "../dom.js";
import { clearProblems, showProblem } from "../problem.js";

/** So many certificates are looked at for a domain, and so many are named. */
const MOST = 200;
const SHOWN = 12;

/** The part of a provider's page; `again` shows the page anew and tells something there. */
export function domainsPart(provider, changes, again) {
  const items = provider.domains.map((domain) => el("li", {}, el("span", {}, domain),
    changes && el("button", {
      type: "button", class: "quiet small", "aria-label": `Unmap ${domain}`, on: { click: () => unmap(domain, again) },
    }, "Unmap")));
  return el("section", { class: "card", id: "domains" }, el("h2", {}, "Domains"),
    items.length ? el("ul", { class: "domains" }, items) : el("p", { class: "soft" }, "None is mapped yet."),
    changes && mapForm(provider, again));
}

/** What a change means for certificates, in a sentence. */
export function stopped(blocked) {
  return blocked.length ? ` Renewals stop for ${blocked.join(", ")}.` : " No certificate is concerned.";
}

/** Which certificates have names in these domains: their renewals may stop. */
export async function concerned(domains) {
  const pages = await Promise.all(domains.map((domain) =>
    list(path`/api/v1/certificates?limit=${MOST}&search=${domain}`)));
  const isIn = (name, domain) => name === domain || name.endsWith(`.${domain}`);
  const holds = (one) => one.domains.some((name) => domains.some((domain) => isIn(name.replace(/^\*\./, ""), domain)));
  const names = [...new Set(pages.flat().filter(holds).map((one) => one.name))].sort();
  if (!names.length) return el("p", {}, "No certificate has a name there.");
  return [
    el("p", {}, "These certificates have names there. They are not renewed until the domain is mapped again, unless another way proves them:"),
    el("ul", { class: "names" }, names.slice(0, SHOWN).map((name) => el("li", {}, name)),
      names.length > SHOWN && el("li", {}, `and ${names.length - SHOWN} more`)),
  ];
}

function mapForm(provider, again) {
  const input = el("input", {
    id: "map-domain", type: "text", inputmode: "url", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    placeholder: "example.com", "aria-describedby": "map-help",
  });
  const skip = el("input", { type: "checkbox" });
  const button = el("button", { type: "submit", class: "quiet" }, "Map");
  const submit = async (event) => {
    event.preventDefault();
    clearProblems(form);
    const domain = input.value.trim();
    if (!domain) return showProblem(form, { pointer: "/domain", message: "Domain is missing.", remedy: "" });
    button.disabled = true;
    try {
      const mapped = await call("POST", "/api/v1/domain-mappings", {
        domain, provider: provider.name, skip_test: skip.checked,
      });
      const warnings = mapped.mapped.flatMap((one) => one.warnings || []).map((warning) => ` Beware: ${warning}.`);
      again(`${mapped.domain} is mapped.${warnings.join("")}`);
    } catch (problem) {
      showProblem(form, problem);
    } finally {
      button.disabled = false;
    }
  };
  const form = el("form", { novalidate: true, on: { submit } }, el("div", { "data-problems": true }),
    el("div", { class: "field", "data-pointer": "/domain" }, el("label", { for: "map-domain" }, "Map a domain"),
      el("div", { class: "control" }, input, button),
      el("p", { class: "help", id: "map-help" }, "It and all names under it are proved through this provider.")),
    el("label", { class: "check" }, skip, "Map without asking whether the service has the zone"));
  return form;
}

async function unmap(domain, again) {
  const unmapped = await confirmed({
    title: `Unmap ${domain}?`,
    body: await concerned([domain]),
    verb: "Unmap",
    act: () => call("DELETE", path`/api/v1/domain-mappings/${domain}`),
  });
  if (unmapped) again(`${domain} is not mapped any more.${stopped(unmapped.blocked)}`);
}
