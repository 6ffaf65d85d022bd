// Builds elements without markup: what comes from elsewhere becomes text, never HTML.

/** An element. Attributes that are `false`, `null` or absent are left out; `on` holds listeners by event. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  const { on = {}, value, ...rest } = attributes;
  for (const [name, given] of Object.entries(rest)) {
    if (given === false || given === null || given === undefined) continue;
    node.setAttribute(name, given === true ? "" : given);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  if (value !== undefined && value !== null) node.value = value;
  for (const [event, listener] of Object.entries(on)) node.addEventListener(event, listener);
  return node;
}

let last = 0;

/** An id that no other element of the page has. */
export function freshId(stem) {
  last += 1;
  return `${stem}-${last}`;
}

/** A link that opens elsewhere; nothing but `https:` and `http:` is linked. */
export function outward(text, address) {
  const isWeb = /^https?:\/\//.test(address || "");
  return isWeb ? el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text) : el("span", {}, text);
}

/** `text` in small letters beside a name, such as "unofficial". */
export function badge(text, kind = "plain") {
  return el("span", { class: `badge ${kind}` }, text);
}
