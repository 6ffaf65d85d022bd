// The domains that a DNS provider answers for: mapping and unmapping them.
import { call, path } from "../api.js";
import { confirmed } from "../dialog.js";
import { el } from "../dom.js";
import { clearProblems, showProblem } from "../problem.js";

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

function mapForm(provider, again) {
  const input = el("input", {
    id: "map-domain", type: "text", inputmode: "url", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    placeholder: "example.com", "aria-describedby": "map-help",
  });
  const button = el("button", { type: "submit", class: "quiet" }, "Map");
  const submit = async (event) => {
    event.preventDefault();
    clearProblems(form);
    const domain = input.value.trim();
    if (!domain) return showProblem(form, { pointer: "/domain", message: "Domain is missing.", remedy: "" });
    button.disabled = true;
    try {
      const mapped = await call("POST", "/api/v1/domain-mappings", { domain, provider: provider.name });
      again(`${mapped.domain} is mapped.`);
    } catch (problem) {
      showProblem(form, problem);
    } finally {
      button.disabled = false;
    }
  };
  const form = el("form", { novalidate: true, on: { submit } }, el("div", { "data-problems": true }),
    el("div", { class: "field", "data-pointer": "/domain" }, el("label", { for: "map-domain" }, "Map a domain"),
      el("div", { class: "control" }, input, button),
      el("p", { class: "help", id: "map-help" }, "It and all names under it are proved through this provider.")));
  return form;
}

async function unmap(domain, again) {
  const unmapped = await confirmed({
    title: `Unmap ${domain}?`,
    body: el("p", {}, `Certificates with names under ${domain} are not renewed until it is mapped again, unless another mapping holds them.`),
    verb: "Unmap",
    act: () => call("DELETE", path`/api/v1/domain-mappings/${domain}`),
  });
  if (unmapped) again(`${domain} is not mapped any more.${stopped(unmapped.blocked)}`);
}
