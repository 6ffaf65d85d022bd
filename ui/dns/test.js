// The test of a DNS provider, step by step, as it goes.
import { lines, path, Problem } from "../api.js";
import { el } from "../dom.js";
import { clearProblems, showProblem } from "../problem.js";
import { capital, sentence, span } from "../words.js";
import { lastTest } from "./list.js";

/** The part of a provider's page. */
export function testPart(provider) {
  const steps = el("ol", { class: "steps", id: "steps", "aria-live": "polite", "aria-label": "Steps of the test" });
  const before = el("span", {}, lastTest(provider.last_test));
  const verdict = el("p", { role: "status", id: "verdict" });
  const input = el("input", {
    id: "test-domain", type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    list: "test-domains", value: provider.domains[0] || "", "aria-describedby": "test-help",
  });
  const button = el("button", { type: "submit", id: "test" }, "Test");
  const submit = async (event) => {
    event.preventDefault();
    clearProblems(form);
    button.disabled = true;
    steps.replaceChildren();
    verdict.replaceChildren("Testing…");
    try {
      const ok = await run(provider.name, input.value.trim(), steps);
      before.replaceChildren(lastTest({ ok, at: new Date().toISOString() }));
      verdict.replaceChildren(ok ? el("strong", { class: "good" }, "Passed.") : el("strong", { class: "bad" }, "Failed."));
    } catch (problem) {
      verdict.replaceChildren();
      showProblem(form, problem);
    } finally {
      button.disabled = false;
    }
  };
  const form = el("form", { novalidate: true, on: { submit } }, el("div", { "data-problems": true }),
    el("div", { class: "field", "data-pointer": "/domain" },
      el("label", { for: "test-domain" }, "Domain", el("span", { class: "optional" }, " optional")),
      el("div", { class: "control" }, input, button),
      el("datalist", { id: "test-domains" }, provider.domains.map((value) => el("option", { value }))),
      el("p", { class: "help", id: "test-help" },
        "A TXT record is written at its challenge name, looked for, and removed. Without any domain only the log-in is tried.")));
  return el("section", { class: "card", id: "testing" }, el("h2", {}, "Test"),
    el("p", { class: "soft" }, "Last test: ", before), form, steps, verdict);
}

/** Shows each step when it begins and when it ends; answers whether all went well. */
async function run(name, domain, steps) {
  let running = null;
  let ok = false;
  const begun = (title) => {
    running = el("li", { class: "running" }, el("span", { class: "mark", "aria-hidden": "true" }), el("strong", {}, capital(title)), " …");
    steps.append(running);
  };
  const ended = (step) => {
    const line = stepLine(step);
    if (running) running.replaceWith(line);
    else steps.append(line);
    running = null;
  };
  for await (const line of lines("POST", path`/api/v1/dns-providers/${name}/test`, domain ? { domain } : {})) {
    if (line.begun) begun(line.begun);
    if (line.step) ended(line.step);
    if (line.problem) throw new Problem(line.problem);
    if (line.report) ok = line.report.ok;
  }
  running?.remove();
  return ok;
}

function stepLine(step) {
  return el("li", { class: step.skipped ? "left" : step.ok ? "passed" : "failed" },
    el("span", { class: "mark", "aria-hidden": "true" }, step.skipped ? "–" : step.ok ? "✓" : "✕"),
    el("strong", {}, capital(step.name)), el("span", { class: "soft" }, step.ok ? " " : " failed, ", span(step.duration_ms)),
    el("p", {}, capital(step.detail)), step.remedy && el("p", { class: "remedy" }, sentence(step.remedy)));
}
