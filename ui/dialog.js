// Asks before something is done that matters, and shows there why it was refused.
import { el, freshId } from "./dom.js";
import { alertOf } from "./problem.js";

/**
 * Asks with a title, what it means (`body`, nodes) and a verb for the button; runs `act` when it is confirmed.
 * Answers what `act` did, or `undefined` when nothing was done.
 */
export function confirmed({ title, body, verb, act }) {
  return new Promise((resolve) => {
    const id = freshId("dialog");
    const problems = el("div", {});
    const go = el("button", { type: "button", class: "danger" }, verb);
    const leave = el("button", { type: "button", class: "quiet", on: { click: () => dialog.close() } }, "Cancel");
    const dialog = el("dialog", { "aria-labelledby": id },
      el("h2", { id }, title), body, problems, el("div", { class: "buttons" }, go, leave));
    let outcome;
    go.addEventListener("click", async () => {
      go.disabled = true;
      try {
        outcome = await act();
        dialog.close();
      } catch (problem) {
        const box = alertOf(problem);
        problems.replaceChildren(box);
        box.focus();
        go.disabled = false;
      }
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(outcome);
    });
    document.body.append(dialog);
    dialog.showModal();
    leave.focus();
  });
}
