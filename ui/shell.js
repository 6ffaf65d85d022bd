// The header of every page: where one can go, who is signed in, signing out.
import { call } from "./api.js";
import { el } from "./dom.js";

/** Pages by address; a page of the interface is one more row. */
const PAGES = [
  ["/", "Start"],
  ["/dns-providers", "DNS providers"],
];
const ROLES = ["viewer", "operator", "admin"];

/** Fills the page's header for a session, or for nobody. */
export function showHeader(session) {
  const header = document.querySelector("header");
  const links = PAGES.map(([href, name]) =>
    el("li", {}, el("a", { href, "aria-current": href === location.pathname ? "page" : null }, name)));
  header.replaceChildren(
    el("a", { class: "skip", href: "#main", on: { click: skip } }, "Skip to the content"),
    el("a", { class: "brand", href: "/" }, "Evercert"),
    el("nav", { "aria-label": "Pages" }, el("ul", {}, links)),
    session ? who(session) : el("a", { class: "who", href: "/sign-in" }, "Sign in"));
}

/** Whether the session may do what needs this role. */
export function may(session, role) {
  return ROLES.indexOf(session.role) >= ROLES.indexOf(role);
}

function who(session) {
  return el("div", { class: "who" },
    el("span", { id: "who" }, session.name, " ", el("span", { class: "soft" }, session.role)),
    el("button", { type: "button", class: "quiet small", id: "sign-out", on: { click: signOut } }, "Sign out"));
}

async function signOut() {
  // Without a session there is nothing to end.
  await call("DELETE", "/api/v1/session").catch((problem) => {
    if (problem.status !== 401) throw problem;
  });
  location.assign("/sign-in");
}

/** The page's own address part says what it shows, so the content is focused, not navigated to. */
function skip(event) {
  event.preventDefault();
  document.querySelector("main").focus();
}
