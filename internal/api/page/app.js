"use strict";
// The page talks to the public interface only, as any client would.

const $ = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const strongest = 10;       // features that an explanation names; the rest is summed
let shown = null;           // the list on the screen
let abouts = new Map();     // item → promise of a few words about it
let busy = false;

// call does one request and throws the problem's detail when it fails.
async function call(method, path, body) {
  const headers = {};
  const key = $("key").value.trim();
  if (key) headers.Authorization = "Bearer " + key;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  let data = {};
  try { data = JSON.parse(text); } catch { /* not JSON: the status says it */ }
  if (!answer.ok) {
    const error = new Error(data.detail || answer.statusText || String(answer.status));
    error.status = answer.status;
    throw error;
  }
  return data;
}

// element makes one with text or children.
function element(tag, ...children) {
  const made = document.createElement(tag);
  made.append(...children);
  return made;
}

const bold = (text) => element("b", text);

// heading makes a table's header cell.
function heading(scope, text) {
  const th = element("th", text);
  th.scope = scope;
  return th;
}

function say(bad, ...parts) {
  $("say").className = bad ? "bad" : "";
  $("say").replaceChildren(...parts);
}

function explainFailure(error) {
  if (error.status === 401) {
    $("access").open = true;
    $("key").focus();
    say(true, "This server asks for a key: enter one above.");
  } else say(true, error.message);
}

const newVisitor = () => "visitor-" + Array.from(crypto.getRandomValues(new Uint8Array(3)), (b) => b.toString(16).padStart(2, "0")).join("");

function currentUser() {
  if (!$("user").value.trim()) $("user").value = newVisitor();
  return $("user").value.trim();
}

// recommend asks for a list with its reasons: those of the very pass that ranked it.
function recommend(more) {
  return call("GET", "/v1/recommendations?" + new URLSearchParams({ user: currentUser(), n: $("n").value || "10", explain: "true", ...more }));
}

async function show() {
  if (busy) return;
  busy = true;
  try {
    const start = performance.now();
    const list = await recommend({});
    const took = performance.now() - start;
    render(list, null);
    if (!list.items.length) say(false, "The catalogue is empty: nothing to recommend yet.");
    else say(false, "A list for ", bold(list.user), " by ", bold(list.model || "popularity"), " in ", bold(took.toFixed(1) + " ms"), notes(list));
  } catch (error) {
    explainFailure(error);
  } finally {
    busy = false;
  }
}

const notes = (list) => (list.degraded.length ? ". Degraded: " + list.degraded.join(", ") + "." : ".");

// report holds one exposure for each item down to the chosen one, and the outcome. What stood below may not have been looked
// at. Sent twice, it has no second effect.
function report(list, item, outcome) {
  const base = { user: list.user, request: list.request };
  const events = list.items.filter((it) => it.position <= item.position).map((it) => (
    { ...base, type: "exposure", item: it.item, position: it.position, propensity: it.propensity, id: `${list.request}-e${it.position}` }));
  events.push({ ...base, type: outcome, item: item.item, position: item.position, id: `${list.request}-${outcome}-${item.position}` });
  return events;
}

// choose posts what was seen and what was chosen, and shows the list that has learned from it.
async function choose(item) {
  if (busy || !shown) return;
  busy = true;
  const before = shown;
  const outcome = $("outcome").value;
  try {
    const start = performance.now();
    const written = await call("POST", "/v1/events", report(before, item, outcome));
    const durable = performance.now();
    const list = await recommend({ user: before.user, after: written.cursor });
    const end = performance.now();
    const moved = render(list, before);
    const where = await whereTo(item, list);
    say(false, bold(item.item), ` got its ${outcome} and ${where}. `, bold(`${(end - start).toFixed(1)} ms`), " to the changed list ",
      `(durable after ${(durable - start).toFixed(1)}, list ${(end - durable).toFixed(1)}); `,
      bold(moved === 1 ? "1 place" : `${moved} places`), " changed", notes(list));
    refreshStatus();
  } catch (error) {
    explainFailure(error);
  } finally {
    busy = false;
  }
}

// whereTo says where the chosen item stands now. When it left the list, the server is asked about that item alone.
async function whereTo(item, list) {
  const gone = "left the list";
  let now = list.items.find((it) => it.item === item.item);
  const place = now ? (now.position === item.position ? "stays at " : "moved to ") + now.position : gone;
  try {
    now ||= (await recommend({ n: 1, dry_run: "true", user: list.user, filter: "item.item == " + JSON.stringify(item.item) })).items[0];
  } catch { /* it is only a remark */ }
  if (!rules(now).includes("seen:demote")) return place;
  return place + (rules(now).includes("explore") && place !== gone ? ": seen, yet drawn by chance" : ": seen, so it comes after everything else");
}

const rules = (it) => (it && it.explain && it.explain.rules) || [];

// render draws the list and returns how many places hold something else than before.
function render(list, before) {
  const was = new Map((before ? before.items : []).map((it) => [it.item, it]));
  const old = [...$("list").children];
  const tops = new Map(old.map((li) => [li.dataset.item, li.getBoundingClientRect().top]));
  const focus = old.findIndex((li) => li.contains(document.activeElement));
  const numeric = numericFeatures(list);
  let changes = 0;
  const rows = list.items.map((it) => {
    const row = drawRow(it, numeric);
    if (before && !markMove(row, it, was.get(it.item))) changes++;
    return row;
  });
  $("list").replaceChildren(...rows);
  if (focus >= 0 && rows.length) rows[Math.min(focus, rows.length - 1)].querySelector(".choose").focus({ preventScroll: true });
  if (before && !still.matches) for (const row of rows) slide(row, tops.get(row.dataset.item));
  shown = list;
  showKnown();
  return changes;
}

function drawRow(it, numeric) {
  const row = $("row").content.firstElementChild.cloneNode(true);
  const part = (selector) => row.querySelector(selector);
  row.dataset.item = it.item;
  part(".place b").textContent = it.position;
  part(".name").textContent = it.item;
  part(".score b").textContent = it.score.toPrecision(3);
  for (const rule of rules(it)) {
    const chip = element("span", ruleNames[rule] ? ruleNames[rule][0] : rule);
    chip.className = "rule";
    part(".channels").append(chip);
  }
  part(".channels").append(...it.channels.map((channel) => element("span", channel)));
  about(it.item).then((text) => { part(".about").textContent = text; });
  part(".choose").addEventListener("click", () => choose(it));
  part(".why").addEventListener("click", () => toggleWhy(row, it, numeric));
  part(".why").setAttribute("aria-label", `Why ${it.item}?`);
  return row;
}

// ruleNames are what may move an item beside its score: in a word, and in words.
const ruleNames = {
  explore: ["explored", "This place was given to a random candidate, to learn about it."],
  "seen:demote": ["seen", "Already seen: it comes after everything that is not."],
  unscored: ["unscored", "The model did not score it: it is ordered by what found it."],
};

const recordOf = (item) => call("GET", "/v1/items/" + encodeURIComponent(item));

// about tells what an item is; it asks once per item.
function about(item) {
  if (abouts.size > 1000) abouts = new Map();
  if (!abouts.has(item)) abouts.set(item, recordOf(item).then(describe, () => (abouts.delete(item), "")));
  return abouts.get(item);
}

function describe({ title, name, categories = [], item, tags, created, available, text, live, features, ...more }) {
  const known = [title, name, ...[categories].flat()].filter(Boolean);
  const others = Object.entries(more).filter(([, v]) => !Array.isArray(v)).map(([k, v]) => k + " " + (typeof v === "number" ? Number(v.toPrecision(3)) : v));
  return [...known, ...others].slice(0, 4).join(" · ");
}

// markMove says how the item moved and reports whether it stayed.
function markMove(row, it, old) {
  if (old && it.score !== old.score) {
    const shift = row.querySelector(".shift");
    shift.textContent = signed(it.score - old.score, 2);
    shift.classList.add(it.score > old.score ? "up" : "down");
  }
  if (old && old.position === it.position) return true;
  const move = row.querySelector(".move");
  const steps = old ? old.position - it.position : 0;
  const up = !old || steps > 0;
  const words = element("span", !old ? " in the list" : up ? " up" : " down");
  words.className = "visually-hidden";
  move.append(!old ? "new" : (up ? "▲ " : "▼ ") + Math.abs(steps), words);
  move.classList.add(up ? "up" : "down");
  row.classList.add("moved");
  return false;
}

// slide lets a row travel from where it stood.
function slide(row, top) {
  const to = row.getBoundingClientRect().top;
  const frames = top === undefined
    ? [{ opacity: 0 }, { opacity: 1 }]
    : [{ transform: `translateY(${top - to}px)` }, { transform: "none" }];
  row.animate(frames, { duration: 260, easing: "ease-out" });
}

// toggleWhy opens the reasons that came with the list, and adds what is known of the item by now.
async function toggleWhy(row, it, numeric) {
  const box = row.querySelector(".reasons");
  box.hidden = !box.hidden;
  row.querySelector(".why").setAttribute("aria-expanded", String(!box.hidden));
  if (box.hidden || box.childElementCount) return;
  const record = element("p", "…");
  box.append(record, ...reasons(it, numeric));
  try {
    const { live, features, item, ...attributes } = await recordOf(it.item);
    const words = Object.entries(attributes).map(([k, v]) => `${k} ${Array.isArray(v) ? v.join(", ") : String(v).replace(/(T[\d:]+)\.\d+Z$/, "$1Z")}`);
    const counts = Object.entries(live || {}).map(([k, v]) => `${v} ${k}`);
    record.replaceChildren(words.join(" · "), element("br"), "By now: " + (counts.join(", ") || "nothing happened yet") + ".");
  } catch (error) {
    record.textContent = error.message;
  }
}

function reasons(it, numeric) {
  const out = [element("p", `Found by ${it.channels.join(", ") || "nothing"}. With probability `, bold(it.propensity.toPrecision(3)),
    " this item took this place, given those above (its propensity).")];
  for (const rule of rules(it)) if (ruleNames[rule]) out.push(element("p", ruleNames[rule][1]));
  const heads = Object.entries((it.explain && it.explain.heads) || {});
  if (!heads.length) return [...out, element("p", "No model explains this place.")];
  const tables = element("div", ...heads.map(([name, head]) => contributions(name, head, numeric)));
  tables.className = "heads";
  return [...out, tables];
}

// numericFeatures are those that had another value than 1 somewhere in the list. The others are categories: there or not.
function numericFeatures(list) {
  const out = new Set();
  for (const it of list.items) {
    for (const head of Object.values((it.explain && it.explain.heads) || {})) {
      for (const c of head.contributions || []) if (c.value !== 1) out.add(c.feature);
    }
  }
  return out;
}

// contributions shows what adds up to a prediction's log-odds. A feature with several values, such as a history, is one line.
function contributions(name, head, numeric) {
  const features = new Map();
  for (const c of head.contributions || []) {
    const f = features.get(c.feature) || { parts: [], product: 0 };
    f.parts.push(c);
    f.product += c.product;
    features.set(c.feature, f);
  }
  const order = [...features].sort(([, a], [, b]) => Math.abs(b.product) - Math.abs(a.product));
  const rest = order.slice(strongest);
  const table = document.createElement("table");
  table.createCaption().textContent = `${name}: p = ${head.p.toPrecision(3)}`;
  table.createTHead().insertRow().append(...["feature", "value", "weight", "product"].map((text) => heading("col", text)));
  const body = table.createTBody();
  for (const [feature, { parts, product }] of order.slice(0, strongest)) {
    const value = parts.length > 1 ? `${parts.length} values` : numeric.has(feature) ? signed(parts[0].value, 3, "") : "yes";
    addRow(body, feature, value, parts.length > 1 ? "" : signed(parts[0].weight, 3, ""), product);
  }
  const foot = table.createTFoot();
  if (rest.length) addRow(foot, `${rest.length} more`, "", "", rest.reduce((sum, [, f]) => sum + f.product, 0));
  addRow(foot, "bias", "", "", head.bias);
  return table;
}

function addRow(body, feature, value, weight, product) {
  const row = body.insertRow();
  row.append(heading("row", feature), element("td", value), element("td", weight), element("td", signed(product, 2)));
}

// signed writes x with that many digits and a real minus.
const signed = (x, digits, plus = "+") => (x < 0 ? "−" : plus) + Math.abs(x).toPrecision(digits);

// refreshStatus shows how well the model predicts. Without an admin key the strip stays empty.
async function refreshStatus() {
  try {
    const status = await call("GET", "/admin/v1/status");
    const state = element("p", bold(status.counts.applied.toLocaleString("en")), " records applied, ", bold(status.lag_seconds.toFixed(1) + " s"), " behind");
    $("metrics").replaceChildren(state, ...troubles(status), ...status.models.map((model) => metrics(model, status.models.length > 1)));
  } catch {
    $("metrics").replaceChildren();
  }
}

const mib = (bytes) => Math.floor(bytes / 2 ** 20).toLocaleString("en") + " MiB";
const mostTroubles = 5;

// troubles are what an operator should know before the figures.
function troubles({ disk, scrub, sources }) {
  const list = [];
  if (disk.held) list.push(`Nothing is taken in: ${mib(disk.free_bytes)} of the disk are free, ${mib(disk.needed_bytes)} are needed.`);
  if (scrub.result && scrub.result !== "ok") list.push(`The stored state is damaged: ${scrub.result}`);
  else if (scrub.running) list.push("The stored state is being compared with its digests.");
  for (const source of sources)
    for (const p of source.partitions)
      if (p.state !== "running") list.push(`${source.name}, partition ${p.partition}: ${[p.state, p.reason].filter(Boolean).join(", ")}.`);
  if (list.length > mostTroubles) list.splice(mostTroubles, Infinity, `And ${list.length - mostTroubles} more: see /admin/v1/status.`);
  return list.map((text) => element("p", bold(text)));
}

const measures = [["AUC", "auc"], ["log-loss", "logloss"], ["calibration", "calibration"]];

// metrics are two lines: over all predictions, and over the latest. A narrow screen leaves the calibration out.
function metrics(model, named) {
  const heads = Object.entries(model.heads);
  const table = document.createElement("table");
  if (named) table.createCaption().textContent = model.name;
  const names = table.createTHead().insertRow();
  const columns = table.tHead.insertRow();
  names.append(element("td"));
  columns.append(heading("col", "predictions"));
  for (const [name] of heads) {
    const over = heading("colgroup", name);
    over.colSpan = measures.length - 1;
    names.append(over, extra(element("td")));
    columns.append(...measures.map(([text]) => (text === "calibration" ? extra(heading("col", text)) : heading("col", text))));
  }
  const body = table.createTBody();
  metricsLine(body, "all", heads.map(([, head]) => head));
  if (heads.some(([, head]) => head.window && head.window.n)) metricsLine(body, "last", heads.map(([, head]) => head.window || {}));
  return table;
}

function metricsLine(body, label, heads) {
  const n = Math.max(0, ...heads.map((m) => m.n || 0));
  const cell = (m, key) => element("td", typeof m[key] === "number" ? m[key].toFixed(4) : "–");
  body.insertRow().append(heading("row", `${label} ${n.toLocaleString("en")}`),
    ...heads.flatMap((m) => measures.map(([text, key]) => (text === "calibration" ? extra(cell(m, key)) : cell(m, key)))));
}

function extra(cell) {
  cell.classList.add("extra");
  return cell;
}

// showKnown lists the features of the list's user, while they are looked at.
async function showKnown() {
  if (!$("known").open || !shown) return;
  const list = shown;
  const table = document.createElement("table");
  try {
    const { features } = await call("GET", "/v1/users/" + encodeURIComponent(list.user));
    for (const [name, value] of Object.entries(features)) table.insertRow().append(heading("row", name), element("td", valueText(value)));
    if (!table.rows.length) table.createCaption().textContent = "No feature has a value yet.";
  } catch (error) {
    table.createCaption().textContent = error.status === 404 ? "Nothing yet: choose something." : error.message;
  }
  if (shown === list) $("known").querySelector("table").replaceWith(table);
}

// valueText writes a number, a text, a list of either, or a list with weights.
function valueText(value) {
  if (Array.isArray(value)) return value.map(valueText).join(", ");
  if (typeof value === "number") return signed(value, 4, "");
  return typeof value === "string" ? value : `${value.value} × ${signed(value.weight, 3, "")}`;
}

async function offerUsers() {
  try {
    const { users } = await call("GET", "/page/users.json");
    for (const id of users) $("users").append(Object.assign(element("option"), { value: id }));
    if (users.length && !$("user").value) $("user").value = users[0];
  } catch { /* the page works without */ }
}

$("who").addEventListener("submit", (event) => { event.preventDefault(); show(); refreshStatus(); });
$("visitor").addEventListener("click", () => { $("user").value = newVisitor(); show(); });
$("known").addEventListener("toggle", showKnown);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshStatus(); });
setInterval(() => { if (!document.hidden) refreshStatus(); }, 2000);

const asked = new URLSearchParams(location.search).get("user");
if (asked) $("user").value = asked;
offerUsers().then(() => { show(); refreshStatus(); });
