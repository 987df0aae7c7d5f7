"use strict";
// The page talks to the public interface only, as any client would.

const $ = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
let shown = null;           // the list on the screen
let exposed = new Set();    // requests whose exposures were posted
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

function say(bad, ...parts) {
  $("say").className = bad ? "bad" : "";
  $("say").replaceChildren(...parts);
}

function bold(text) {
  const b = document.createElement("b");
  b.textContent = text;
  return b;
}

function explainFailure(error) {
  if (error.status === 401) say(true, "This server asks for a key: enter one above.");
  else say(true, error.message);
}

const newVisitor = () => "visitor-" + Array.from(crypto.getRandomValues(new Uint8Array(3)), (b) => b.toString(16).padStart(2, "0")).join("");

function currentUser() {
  if (!$("user").value.trim()) $("user").value = newVisitor();
  return $("user").value.trim();
}

async function fetchList(after) {
  const query = new URLSearchParams({ user: currentUser(), n: $("n").value || "10" });
  if (after) query.set("after", after);
  return call("GET", "/v1/recommendations?" + query);
}

async function show() {
  if (busy) return;
  busy = true;
  try {
    const start = performance.now();
    const list = await fetchList();
    render(list, null);
    const took = performance.now() - start;
    if (!list.items.length) say(false, "The catalogue is empty: nothing to recommend yet.");
    else say(false, "A list for ", bold(list.user), " by ", bold(list.model || "popularity"), " in ", bold(took.toFixed(1) + " ms"), notes(list));
  } catch (error) {
    explainFailure(error);
  } finally {
    busy = false;
  }
}

const notes = (list) => (list.degraded.length ? ". Degraded: " + list.degraded.join(", ") : ".");

// choose posts what was seen and what was chosen, and shows the list that has learned from it.
async function choose(item) {
  if (busy || !shown) return;
  busy = true;
  const before = shown;
  const base = { user: before.user, request: before.request };
  const events = [];
  if (!exposed.has(before.request)) {
    for (const it of before.items) {
      events.push({ ...base, type: "exposure", item: it.item, position: it.position, propensity: it.propensity, id: `${before.request}-e${it.position}` });
    }
  }
  const outcome = $("outcome").value;
  events.push({ ...base, type: outcome, item: item.item, position: item.position, id: `${before.request}-${outcome}-${item.position}` });
  try {
    const start = performance.now();
    const written = await call("POST", "/v1/events", events);
    const durable = performance.now();
    exposed = new Set([before.request]);
    const list = await fetchList(written.cursor);
    const end = performance.now();
    const moved = render(list, before);
    say(false, bold(`${(end - start).toFixed(1)} ms`), ` from ${outcome} to changed list `,
      `(durable after ${(durable - start).toFixed(1)} ms, list ${(end - durable).toFixed(1)} ms): `,
      bold(moved === 1 ? "1 place" : `${moved} places`), " changed", notes(list));
    refreshStatus();
  } catch (error) {
    explainFailure(error);
  } finally {
    busy = false;
  }
}

// render draws the list and returns how many places hold something else than before.
function render(list, before) {
  const was = new Map((before ? before.items : []).map((it) => [it.item, it]));
  const tops = new Map();
  for (const li of $("list").children) tops.set(li.dataset.item, li.getBoundingClientRect().top);
  let changes = 0;
  const rows = list.items.map((it) => {
    const row = drawRow(it);
    if (before && !markMove(row, it, was.get(it.item))) changes++;
    return row;
  });
  $("list").replaceChildren(...rows);
  if (before && !still.matches) for (const row of rows) slide(row, tops.get(row.dataset.item));
  shown = list;
  return changes;
}

function drawRow(it) {
  const row = $("row").content.firstElementChild.cloneNode(true);
  const set = (selector, text) => { row.querySelector(selector).textContent = text; };
  row.dataset.item = it.item;
  set(".place", it.position);
  set(".name", it.item);
  set(".score b", it.score.toPrecision(3));
  set(".propensity b", it.propensity.toFixed(3));
  for (const channel of it.channels) {
    const chip = document.createElement("span");
    chip.textContent = channel;
    row.querySelector(".channels").append(chip);
  }
  row.querySelector(".choose").addEventListener("click", () => choose(it));
  row.querySelector(".choose").title = "Choose this item";
  row.querySelector(".why").addEventListener("click", () => toggleWhy(row, it));
  row.querySelector(".why").setAttribute("aria-label", "Why " + it.item + "?");
  return row;
}

// markMove says how the item moved and reports whether it stayed.
function markMove(row, it, old) {
  const move = row.querySelector(".move");
  const steps = old ? old.position - it.position : 0;
  if (old && steps === 0) {
    const shift = it.score - old.score;
    move.textContent = shift === 0 ? "" : (shift > 0 ? "+" : "−") + Math.abs(shift).toPrecision(1);
    return true;
  }
  row.classList.add("moved");
  move.textContent = !old ? "new" : (steps > 0 ? "▲ " : "▼ ") + Math.abs(steps);
  move.classList.add(!old || steps > 0 ? "up" : "down");
  const words = document.createElement("span");
  words.className = "visually-hidden";
  words.textContent = !old ? " in the list" : steps > 0 ? " up" : " down";
  move.append(words);
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

// toggleWhy asks for the item's explanation only when somebody wants it; nothing is logged as served.
async function toggleWhy(row, it) {
  const box = row.querySelector(".reasons");
  const button = row.querySelector(".why");
  box.hidden = !box.hidden;
  button.setAttribute("aria-expanded", String(!box.hidden));
  if (box.hidden || box.childElementCount) return;
  try {
    const [ranked, record] = await Promise.all([
      call("POST", "/v1/rank", { user: shown.user, candidates: [{ item: it.item }], explain: true, dry_run: true }),
      call("GET", "/v1/items/" + encodeURIComponent(it.item)).catch(() => null),
    ]);
    box.replaceChildren(...reasons(it, ranked.items[0], record));
  } catch (error) {
    box.textContent = error.message;
  }
}

function reasons(it, ranked, record) {
  const out = [];
  if (record) {
    const { live, item, ...attributes } = record;
    out.push(line("Item: " + Object.entries(attributes).map(([k, v]) => `${k} ${Array.isArray(v) ? v.join(", ") : v}`).join(" · ")));
    out.push(line("Live: " + (Object.entries(live || {}).map(([k, v]) => `${v} ${k}`).join(" · ") || "nothing yet")));
  }
  const why = ranked && ranked.explain;
  if (!why) return [...out, line("No explanation is available.")];
  out.push(line("Found by: " + it.channels.join(", ")));
  for (const [name, head] of Object.entries(why.heads || {})) {
    const title = document.createElement("h2");
    title.textContent = `${name}: p = ${head.p.toPrecision(3)}, bias ${head.bias.toPrecision(3)}`;
    out.push(title, contributions(head.contributions || []));
  }
  return out;
}

function line(text) {
  const p = document.createElement("div");
  p.textContent = text;
  return p;
}

function contributions(list) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const name of ["feature", "value", "weight", "product"]) {
    const th = document.createElement("th");
    th.scope = "col";
    th.textContent = name;
    head.append(th);
  }
  const body = table.createTBody();
  const strongest = [...list].sort((a, b) => Math.abs(b.product) - Math.abs(a.product)).slice(0, 12);
  for (const c of strongest) {
    const row = body.insertRow();
    for (const x of [c.feature, c.value, c.weight, c.product]) {
      row.insertCell().textContent = typeof x === "number" ? x.toPrecision(3) : x;
    }
  }
  return table;
}

// refreshStatus shows how well the model predicts. Without an admin key the strip stays empty.
async function refreshStatus() {
  let status;
  try {
    status = await call("GET", "/admin/v1/status");
  } catch {
    $("metrics").replaceChildren();
    return;
  }
  const parts = [pair("applied", status.counts.applied.toLocaleString("en")), pair("behind", status.lag_seconds.toFixed(1) + " s")];
  for (const model of status.models) {
    for (const [name, head] of Object.entries(model.heads)) {
      const m = head.window && head.window.n ? head.window : head;
      parts.push(pair(`${name} AUC`, number(m.auc)), pair("log-loss", number(m.logloss)), pair("calibration", number(m.calibration)),
        pair("predictions", head.n.toLocaleString("en")));
    }
  }
  $("metrics").replaceChildren(...parts);
}

const number = (x) => (x === null || x === undefined ? "–" : x.toFixed(4));

function pair(name, value) {
  const span = document.createElement("span");
  span.append(name + " ", bold(value));
  return span;
}

async function offerUsers() {
  try {
    const { users } = await call("GET", "/page/users.json");
    for (const id of users) {
      const option = document.createElement("option");
      option.value = id;
      $("users").append(option);
    }
    if (users.length && !$("user").value) $("user").value = users[0];
  } catch { /* the page works without */ }
}

$("who").addEventListener("submit", (event) => { event.preventDefault(); show(); refreshStatus(); });
$("visitor").addEventListener("click", () => { $("user").value = newVisitor(); show(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) refreshStatus(); });
setInterval(() => { if (!document.hidden) refreshStatus(); }, 2000);

const asked = new URLSearchParams(location.search).get("user");
if (asked) $("user").value = asked;
offerUsers().then(() => { show(); refreshStatus(); });
