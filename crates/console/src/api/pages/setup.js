"use strict";
const form = document.getElementById("form");
const problem = document.getElementById("problem");
const token = new URLSearchParams(location.hash.slice(1)).get("token") || "";
history.replaceState(null, "", location.pathname);

function say(text) {
  problem.textContent = text;
  problem.hidden = false;
}

async function call(path, body, headers) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error([answer.detail, answer.remedy].filter(Boolean).join(" – "));
  return answer;
}

if (!token) say("The set-up token is missing: open the whole URL that the Console printed at its start.");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.hidden = true;
  if (form.password.value !== form.again.value) return say("The passwords differ.");
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const session = await call("/api/v1/setup", {
      setup_token: token,
      name: form.elements.name.value,
      password: form.password.value,
    });
    const made = await call("/api/v1/tokens", { name: "first", role: "admin" }, { "x-csrf-token": session.csrf_token });
    document.getElementById("token").textContent = made.token;
    form.hidden = true;
    document.getElementById("done").hidden = false;
  } catch (error) {
    say(error.message);
    button.disabled = false;
  }
});
