// Makes the first administrator with the token in the address's fragment, which browsers do not send.
import { call, Problem, setUp } from "./api.js";
import { clearProblems, showProblem } from "./problem.js";

const form = document.getElementById("form");
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
history.replaceState(null, "", location.pathname);

function say(detail) {
  showProblem(form, new Problem({ detail }));
}

async function makeAdministrator() {
  const { name, password } = form.elements;
  await setUp(token, name.value, password.value);
  const made = await call("POST", "/api/v1/tokens", { name: "first", role: "admin" });
  document.getElementById("token").textContent = made.token;
  form.hidden = true;
  document.getElementById("done").hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearProblems(form);
  if (form.elements.password.value !== form.elements.again.value) return say("The passwords differ.");
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await makeAdministrator();
  } catch (problem) {
    showProblem(form, problem);
    button.disabled = false;
  }
});

// Until here nobody would have heard it being pressed.
form.querySelector("button").disabled = false;
if (!token) say("The set-up token is missing: open the whole URL that the Console printed at its start.");
