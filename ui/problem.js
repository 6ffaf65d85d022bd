// Shows a problem where it belongs: at the field that its pointer names, or above the form.
import { el, freshId } from "./dom.js";
import { sentence } from "./words.js";

/** Shows what went wrong; whatever an earlier attempt showed in `form` goes. */
export function showProblem(form, problem) {
  clearProblems(form);
  const field = problem.pointer ? fieldAt(form, problem.pointer) : null;
  if (field) return atField(field, problem);
  const box = alertOf(problem);
  (form.querySelector("[data-problems]") || form).prepend(box);
  box.scrollIntoView({ block: "nearest" });
  box.focus();
}

/** Takes everything away that {@link showProblem} put there. */
export function clearProblems(form) {
  for (const shown of form.querySelectorAll(".field-problem, .problem")) shown.remove();
  for (const control of form.querySelectorAll("[aria-invalid]")) clearControl(control);
}

function clearControl(control) {
  control.removeAttribute("aria-invalid");
  describe(control, (ids) => ids.filter((id) => !id.startsWith("problem-")));
}

/** A box that says what is wrong and what to do. */
export function alertOf(problem) {
  return el("div", { class: "problem", role: "alert", tabindex: "-1" },
    el("p", {}, sentence(problem.message)),
    problem.remedy && el("p", {}, sentence(problem.remedy)),
    problem.requestId && problem.status >= 500 && el("p", { class: "soft" }, `Request ${problem.requestId}`));
}

/** `/settings/key` is shown at that field, or at the nearest part that holds it: `/settings`. */
function fieldAt(form, pointer) {
  for (let at = pointer; at; at = at.slice(0, at.lastIndexOf("/"))) {
    const found = [...form.querySelectorAll("[data-pointer]")].find((one) => one.dataset.pointer === at);
    if (found && !found.closest("[hidden]")) return found;
  }
  return null;
}

function atField(field, problem) {
  const control = field.matches(".field") ? field.querySelector("input, select, textarea") : null;
  if (!control) {
    const box = alertOf(problem);
    field.prepend(box);
    reveal(field);
    return box.focus();
  }
  const id = freshId("problem");
  const text = [problem.message, problem.remedy].filter(Boolean).map(sentence).join(" ");
  const said = el("p", { class: "field-problem", id, role: "alert" }, text);
  field.append(said);
  const mended = () => {
    said.remove();
    clearControl(control);
  };
  control.addEventListener("input", mended, { once: true });
  control.setAttribute("aria-invalid", "true");
  describe(control, (ids) => [id, ...ids]);
  reveal(field);
  control.focus();
}

function reveal(field) {
  for (let fold = field.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  field.scrollIntoView({ block: "center" });
}

function describe(control, change) {
  const ids = change((control.getAttribute("aria-describedby") || "").split(" ").filter(Boolean));
  if (ids.length) control.setAttribute("aria-describedby", ids.join(" "));
  else control.removeAttribute("aria-describedby");
}
