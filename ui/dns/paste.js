// Reads settings made for acme.sh or lego: shell lines, account.conf, .env and compose files, docker options.

/** What precedes an assignment without being part of it. */
const PREFIXES = new Set(["export", "declare", "-x", "set", "setx", "env", "-e", "--env", "-"]);
const ASSIGNMENT = /^(?:\$env:|--env=)?([A-Za-z_][A-Za-z0-9_]*)\s*=([^]*)$/;
/** A YAML or JSON member: the separator is followed by a space, or the name is in quotes. */
const MEMBER = /^\s*(?:-\s+)?(?:"([A-Za-z_]\w*)"\s*:|'([A-Za-z_]\w*)'\s*:|([A-Za-z_]\w*):(?=\s))\s*(.*?),?\s*$/;
/** How acme.sh keeps values with odd characters. */
const ENCODED = /^__ACME_BASE64__START_(.*)__ACME_BASE64__END_$/;

/** The variables that a text sets, by name; the last one counts, as in a shell. */
export function parseSettings(text) {
  const found = new Map();
  let rest = text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  while (rest !== "") {
    const end = rest.indexOf("\n");
    const line = end < 0 ? rest : rest.slice(0, end);
    const member = line.match(MEMBER);
    if (member) {
      note(found, member[1] || member[2] || member[3], unquoted(member[4]));
      rest = end < 0 ? "" : rest.slice(end + 1);
    } else {
      rest = shellLine(rest, found);
    }
  }
  return found;
}

/**
 * What the variables mean for a kind of provider: `values` by key, `used` names, `unknown` names, and `files`, names
 * that hold a file's path where its content is wanted.
 */
export function matchSettings(type, variables) {
  const keys = new Map(type.fields.flatMap((field) =>
    [...field.acme_sh_env, ...field.lego_env].map((name) => [name.toUpperCase(), field.key])));
  const result = { values: new Map(), used: [], unknown: [], files: [] };
  for (const [name, value] of variables) {
    const plain = name.toUpperCase().replace(/^SAVED_/, "");
    const key = keys.get(plain);
    if (key) {
      result.values.set(key, value);
      result.used.push(name);
    } else if (keys.has(plain.replace(/_FILE$/, ""))) {
      result.files.push(name);
    } else {
      result.unknown.push(name);
    }
  }
  return result;
}

/** The kinds that know most of these variables, best first. */
export function kindsFor(types, variables) {
  const scored = types.map((type) => ({ type, hits: matchSettings(type, variables).values.size }));
  return scored.filter((one) => one.hits > 0).sort((a, b) => b.hits - a.hits).map((one) => one.type);
}

function note(found, name, value) {
  const encoded = value.match(ENCODED);
  const plain = encoded ? decoded(encoded[1]) : value;
  if (plain !== "") found.set(name, plain);
}

function decoded(base64) {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
  } catch {
    return "";
  }
}

function unquoted(text) {
  const whole = text.match(/^(["'])([^]*)\1$/);
  return whole ? whole[2] : text.replace(/\s+#.*$/, "");
}

/** Notes the assignments of one line of shell; answers the text after it. Quotes may go on over lines. */
function shellLine(text, found) {
  let rest = text;
  let previous = "";
  for (;;) {
    rest = rest.replace(/^(?:[ \t;]|\\\n|`\n)+/, "");
    if (rest === "" || rest[0] === "\n") return rest.slice(1);
    if (rest[0] === "#") return rest.replace(/^[^\n]*\n?/, "");
    const [word, after] = shellWord(rest);
    const assignment = word.match(ASSIGNMENT);
    if (assignment) {
      let value = assignment[2];
      let further = after;
      // PowerShell sets spaces around the sign.
      if (value === "" && /^[ \t]+["']/.test(after) && word.startsWith("$env:")) [value, further] = shellWord(after.trimStart());
      note(found, assignment[1], value);
      rest = further;
    } else if (/^\$env:[A-Za-z_]\w*$/.test(word) && /^[ \t]*=/.test(after)) {
      const [value, further] = shellWord(after.replace(/^[ \t]*=[ \t]*/, ""));
      note(found, word.slice(5), value);
      rest = further;
    } else if (previous === "setx" && after.trim() !== "" && /^[A-Za-z_]\w*$/.test(word)) {
      const [value, further] = shellWord(after.trimStart());
      note(found, word, value);
      rest = further;
    } else {
      rest = after;
    }
    previous = PREFIXES.has(word) ? word : "";
  }
}

/** One word of shell, its quotes taken away, and the text after it. */
function shellWord(text) {
  let word = "";
  let at = 0;
  while (at < text.length && !/[\s;]/.test(text[at])) {
    const mark = text[at];
    if (mark === "'" || mark === '"') {
      const [inner, next] = quoted(text, at + 1, mark);
      word += inner;
      at = next;
    } else if (mark === "\\" && at + 1 < text.length) {
      word += text[at + 1] === "\n" ? "" : text[at + 1];
      at += 2;
    } else {
      word += mark;
      at += 1;
    }
  }
  return [word, text.slice(Math.max(at, 1))];
}

/** The content of quotes from `at` on, and where it goes on after them. */
function quoted(text, at, mark) {
  let inner = "";
  let here = at;
  while (here < text.length && text[here] !== mark) {
    const escapes = mark === '"' && text[here] === "\\" && /["\\$`\n]/.test(text[here + 1] || "");
    if (escapes) here += 1;
    if (!(escapes && text[here] === "\n")) inner += text[here];
    here += 1;
  }
  return [inner, here + 1];
}
