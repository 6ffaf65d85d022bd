// Says things in the reader's words: when something was, how long it took, sentences.
import { el } from "./dom.js";

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** "3 minutes ago", with the exact time for who asks. */
export function ago(timestamp) {
  const at = new Date(timestamp);
  return el("time", { datetime: timestamp, title: `${at.toLocaleString()} (${timestamp})` }, words(at, new Date()));
}

function words(at, now) {
  const seconds = Math.round((at - now) / 1000);
  const unit = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  return unit ? relative.format(Math.round(seconds / unit[1]), unit[0]) : "just now";
}

/** A duration of milliseconds: "120 ms", "3.4 s". */
export function span(milliseconds) {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** A text as a sentence: with a capital letter, and an end. */
export function sentence(text) {
  return capital(/[.!?]$/.test(text) ? text : `${text}.`);
}

/** A text with a capital letter; a code that says of whom it speaks (`pdns: …`) stays as it is. */
export function capital(text) {
  return /^[a-z0-9_]+: /.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
}
