// Signs a user in, then goes where they wanted to go.
import { sessionIfAny, signIn } from "./api.js";
import { clearProblems, showProblem } from "./problem.js";

const form = document.getElementById("form");
const { name, password } = form.elements;

/** Another page of this Console, and nothing else. */
function target() {
  const next = new URLSearchParams(location.search).get("next") || "/";
  const url = new URL(next, location.origin);
  return url.origin === location.origin && url.pathname !== "/sign-in" ? url.pathname + url.hash : "/";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearProblems(form);
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await signIn(name.value, password.value);
    location.replace(target());
  } catch (problem) {
    button.disabled = false;
    password.value = "";
    showProblem(form, problem);
  }
});

// Until here nobody would have heard it being pressed.
form.querySelector("button").disabled = false;
if (document.activeElement === document.body) name.focus();
if (await sessionIfAny().catch(() => null)) location.replace(target());
