// Shows what the relay says of itself: /api/openapi.json and /api/frames.schema.json.

const el = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") node.addEventListener("click", value);
    else if (key === "class") node.className = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

// Text with `code` in it.
const words = (text = "") =>
  text.split("`").map((part, n) => (n % 2 ? el("code", {}, part) : document.createTextNode(part)));

const at = (document, path) =>
  path.slice(2).split("/").reduce((node, key) => node?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], document);

const token = () => document.getElementById("token").value.trim();

const MOST_SHOWN = 20000;

// The type of a schema in a word or two.
function kind(schema) {
  if (schema === false) return "nothing";
  if (schema === true || schema === undefined) return "anything";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(kind).join(" | ");
  if (schema.allOf) return schema.allOf.map(kind).join(" & ");
  if (schema.type === "array") return `list of ${kind(schema.items)}`;
  const types = [schema.type ?? "anything"].flat().join(" | ");
  const range = [schema.minimum, schema.maximum].some((x) => x !== undefined)
    ? ` ${schema.minimum ?? "…"}–${schema.maximum ?? "…"}` : "";
  return types + range;
}

// Schemas that have fields, among a schema and what it refers to.
function parts(document, schema) {
  if (!schema || typeof schema !== "object") return [];
  const own = schema.properties ? [schema] : [];
  const below = [schema.items, schema.additionalProperties, ...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  if (schema.$ref) return [...own, { ref: schema.$ref }];
  return [...own, ...below.flatMap((inner) => parts(document, inner))];
}

// Fields of a schema as a tree; what is referred to unfolds when asked for.
function tree(document, schema) {
  const lines = [];
  for (const part of parts(document, schema)) {
    if (part.ref) {
      const target = at(document, part.ref);
      if (parts(document, target).length === 0) continue;
      const fold = el("details", { class: "schema" }, el("summary", {}, el("code", {}, part.ref.split("/").pop())));
      fold.addEventListener("toggle", () => {
        if (fold.open && fold.childElementCount === 1) fold.append(...tree(document, target));
      });
      lines.push(fold);
      continue;
    }
    for (const [name, field] of Object.entries(part.properties)) {
      const optional = !(part.required ?? []).includes(name);
      lines.push(el("div", { class: "field" },
        el("code", {}, name), optional ? el("span", { class: "muted" }, "?") : null, " ",
        el("span", { class: "muted" }, kind(field)),
        ...(field.description ? [" — ", ...words(field.description)] : [])));
      const below = tree(document, field);
      if (below.length) lines.push(el("div", { class: "schema" }, ...below));
    }
  }
  return lines;
}

function table(heads, rows) {
  return el("div", { class: "wide" }, el("table", {},
    el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", {}, head)))),
    el("tbody", {}, ...rows)));
}

// Sends a request and shows what comes.
async function send(method, url, body, out) {
  out.replaceChildren(el("p", { class: "muted" }, "…"));
  const headers = {};
  if (token()) headers.authorization = `Bearer ${token()}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    const began = performance.now();
    const response = await fetch(url, { method, headers, body });
    const text = await response.text();
    const took = Math.round(performance.now() - began);
    let shown = text;
    if (/json/.test(response.headers.get("content-type") ?? "")) {
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it came */ }
    }
    const more = shown.length - MOST_SHOWN;
    out.replaceChildren(
      el("p", { class: response.ok ? "" : "bad" }, `${response.status} ${response.statusText}, ${took} ms, ${text.length} bytes`),
      el("pre", {}, [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n")),
      el("pre", {}, more > 0 ? `${shown.slice(0, MOST_SHOWN)}\n… ${more} more` : shown));
  } catch (error) {
    out.replaceChildren(el("p", { class: "bad" }, String(error)));
  }
}

function operation(api, path, method, op) {
  const inputs = new Map();
  const given = new URLSearchParams((op["x-request"] ?? "").split("?")[1] ?? "");
  const rows = op.parameters.map((parameter) => {
    const choices = parameter.schema.enum;
    const value = parameter.in === "path" ? parameter.example : given.get(parameter.name) ?? "";
    const input = choices
      ? el("select", {}, ...["", ...choices].map((choice) => el("option", choice === value ? { selected: "" } : {}, choice)))
      : el("input", { value, placeholder: [parameter.example].flat().join(",") });
    input.setAttribute("aria-label", parameter.name);
    inputs.set(parameter, input);
    return el("tr", {},
      el("td", {}, el("code", {}, parameter.name), parameter.required ? el("span", { class: "bad" }, " *") : null),
      el("td", {}, input),
      el("td", {}, el("code", { class: "muted" }, choices ? "" : kind(parameter.schema)), " ", ...words(parameter.description)));
  });
  const out = el("div", { "aria-live": "polite" });
  const media = op.requestBody?.content["application/json"];
  const text = media ? el("textarea", { "aria-label": "Body", spellcheck: "false" }, JSON.stringify(media.example, null, 2)) : null;
  const go = () => {
    let url = path;
    const query = new URLSearchParams();
    for (const [parameter, input] of inputs) {
      if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value !== "") query.set(parameter.name, input.value);
    }
    const asked = query.toString();
    send(method.toUpperCase(), asked ? `${url}?${asked}` : url, text?.value, out);
  };
  const answers = Object.entries(op.responses).map(([status, response]) => {
    const whole = response.$ref ? at(api, response.$ref) : response;
    return el("tr", {},
      el("td", {}, el("code", { class: status < "400" ? "" : "bad" }, status)),
      el("td", {}, ...words(whole.description),
        el("div", { class: "muted" }, Object.keys(whole.headers ?? {}).join(", "))));
  });
  const ok = Object.values(op.responses["200"]?.content ?? {})[0];
  const fields = ok ? tree(api, ok.schema) : [];
  const body = el("div", { class: "body" }, el("p", {}, ...words(op.description)),
    rows.length ? el("h3", {}, "Parameters") : null, rows.length ? table(["name", "value", "about"], rows) : null,
    text ? el("h3", {}, "Body") : null, text,
    ...(media ? tree(api, media.schema) : []),
    op.responses["101"] ? null : el("p", {}, el("button", { type: "button", onclick: go }, "Send")), out,
    el("h3", {}, "Answers"), table(["status", ""], answers),
    fields.length ? el("h3", {}, "Fields") : null, ...fields,
    ok?.example ? el("h3", {}, "Example") : null,
    ok?.example ? el("pre", {}, JSON.stringify(ok.example, null, 2)) : null);
  return el("details", { class: "op", id: op.operationId },
    el("summary", {}, el("span", { class: `verb ${method}` }, method), el("span", { class: "path" }, path),
      el("span", { class: "muted" }, op.summary)), body);
}

function frame(schema, name, direction) {
  const definition = schema.$defs[name];
  const { type, action } = definition.properties;
  return el("details", { class: "op", id: name },
    el("summary", {}, el("span", { class: `verb ${direction}` }, direction), el("span", { class: "path" }, (type ?? action).const),
      el("span", { class: "muted" }, name)),
    el("div", { class: "body" }, el("p", {}, ...words(definition.description ?? "")), ...tree(schema, definition)));
}

async function read(path) {
  const headers = token() ? { authorization: `Bearer ${token()}` } : {};
  const response = await fetch(path, { headers });
  if (!response.ok) throw new Error(`${path}: ${response.status}${response.status === 401 ? ", give the token above" : ""}`);
  return response.json();
}

async function show() {
  const state = document.getElementById("state");
  try {
    const [api, frames] = await Promise.all([read("/api/openapi.json"), read("/api/frames.schema.json")]);
    document.getElementById("version").textContent = api.info.version;
    const [index, main] = [document.getElementById("index"), document.getElementById("main")];
    main.replaceChildren(el("p", {}, ...words(api.info.description)));
    index.replaceChildren();
    const groups = new Map();
    for (const [path, operations] of Object.entries(api.paths)) {
      for (const [method, op] of Object.entries(operations)) {
        const tag = op.tags[0];
        if (!groups.has(tag)) groups.set(tag, []);
        groups.get(tag).push([path, method, op]);
      }
    }
    for (const [tag, list] of [...groups].sort(([a], [b]) => a.localeCompare(b))) {
      main.append(el("h2", {}, tag));
      index.append(el("h2", {}, tag));
      for (const [path, method, op] of list) {
        main.append(operation(api, path, method, op));
        index.append(el("a", { href: `#${op.operationId}` }, path));
      }
    }
    main.append(el("h2", {}, "Frames of /ws"));
    index.append(el("h2", {}, "Frames"));
    for (const [list, direction] of [["ClientFrame", "in"], ["ServerFrame", "out"]]) {
      for (const { $ref } of frames.$defs[list].oneOf) {
        const name = $ref.split("/").pop();
        main.append(frame(frames, name, direction));
        index.append(el("a", { href: `#${name}` }, name));
      }
    }
    unfold();
  } catch (error) {
    const again = state ?? el("p", { id: "state", role: "status" });
    again.className = "bad";
    again.textContent = String(error.message ?? error);
    document.getElementById("main").replaceChildren(again);
  }
}

function unfold() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

addEventListener("hashchange", unfold);
document.getElementById("token").addEventListener("change", show);
show();
