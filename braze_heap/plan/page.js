"use strict";
const box = document.getElementById("search");
const order = document.getElementById("order");
const found = document.getElementById("found");
const list = document.getElementById("events");
const filters = [...document.querySelectorAll("[data-filter]")];
const lower = (text) => text.toLowerCase();
// Part of a name to words that people search for instead.
const also = Object.entries({
  "price": "revenue amount money sales",
  "total_value": "revenue amount money sales",
  "purchase": "order sale conversion",
  "unsubscribe": "opt out optout consent",
  "subscription": "opt in out consent unsubscribe",
  "machine": "bot robot scanner privacy protection",
  "bot_click": "machine robot scanner",
  "url": "link address target",
  "control": "holdout lift",
  "sms": "text message",
  "push": "notification mobile",
  "in-app": "inapp popup",
  "canvas": "journey flow",
  "campaign": "mailing newsletter",
});
const alsoOf = (name) => also.filter(([part]) => name.includes(part)).flat().join(" ");
const wordsOf = ({ name = "", words = "" }, text = "") =>
  lower(`${name} ${words} ${alsoOf(name)} ${text}`);
const entry = (node) => ({
  node,
  words: wordsOf(node.dataset),
  rows: [...node.querySelectorAll("tbody tr, dl > div")].map((row) =>
    ({ node: row, words: wordsOf(row.dataset, row.textContent) })),
});
const events = [...list.querySelectorAll("details")].map(entry);
const others = [...document.querySelectorAll("[data-list]")].map(entry);
const hasAll = (words, terms) => terms.every((term) => words.includes(term));
const ranks = new Map();
const valuesOf = (item, key) => (item.node.dataset[key] || "").split(" ").filter(Boolean);

for (const select of filters) {
  const words = new Set(events.flatMap((item) => valuesOf(item, select.dataset.filter)));
  select.append(...[...words].sort().map((word) => new Option(word)));
  select.hidden = !words.size;
}
if (!events.some((item) => Number(item.node.dataset.observed))) {
  order.querySelector("[value=observed]").remove();
}

// The lower, the better: the name, its last words, its start, a part, other text.
function rank(name, query) {
  if (!query || name === query) return 0;
  if (/[ _.]/.test(name.at(-query.length - 1)) && name.endsWith(query)) return 1;
  if (name.startsWith(query)) return 2;
  return name.includes(query) ? 3 : 4;
}

function filterRows(item, query, terms, words, keeps = () => true) {
  let hits = 0;
  let best = 4;
  for (const row of item.rows) {
    const hit = keeps(row.node) && (words === null || hasAll(`${words} ${row.words}`, terms));
    row.node.hidden = !hit;
    hits += hit;
    ranks.set(row.node, rank(row.node.dataset.name, query));
    if (hit) best = Math.min(best, ranks.get(row.node));
  }
  for (const part of item.node.querySelectorAll(".part")) {
    part.hidden = !part.querySelector("tbody tr:not([hidden]), dl > div:not([hidden])");
  }
  return [hits, best];
}

function filter() {
  const query = lower(box.value).trim();
  const terms = query.split(/\s+/).filter(Boolean);
  const chosen = filters.filter((select) => select.value);
  const kept = new Set();
  let shown = 0;
  let properties = 0;
  for (const item of events) {
    const data = item.node.dataset;
    const isChosen = chosen.every((select) =>
      valuesOf(item, select.dataset.filter).includes(select.value));
    const whole = hasAll(item.words, terms);
    const [hits, best] = filterRows(item, query, terms, whole ? null : item.words);
    if (isChosen) kept.add(data.type);
    item.node.hidden = !(isChosen && (whole || hits));
    item.node.open = !item.node.hidden && terms.length > 0 && !whole;
    ranks.set(item.node, Math.min(rank(data.name, query), rank(lower(data.type), query), best));
    shown += !item.node.hidden;
    properties += item.node.hidden ? 0 : hits;
  }
  const isKept = (row) => !chosen.length
    || (row.dataset.types || "").split(" ").some((type) => kept.has(type));
  for (const item of others) {
    const [hits] = filterRows(item, query, terms, terms.length ? "" : null, isKept);
    item.node.hidden = !hits;
  }
  found.textContent = terms.length
    ? `${shown} of ${events.length} events, ${properties} of their fields`
    : `${shown} events`;
  if (!shown) found.textContent += ": try fewer or shorter words, or other filters";
  sort();
}

const keys = {
  name: (data) => [data.name],
  type: (data) => [data.type, data.name],
  since: (data) => [-Number(data.since), data.name],
  personal: (data) => [-Number(data.personal), data.name],
  observed: (data) => [-Number(data.observed), data.name],
};

function compare(a, b) {
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

function arrange(parent, children, key) {
  const sorted = children.map((node) => [[ranks.get(node) || 0, ...key(node.dataset)], node]);
  sorted.sort((a, b) => compare(a[0], b[0]));
  parent.append(...sorted.map((pair) => pair[1]));
}

function sort() {
  const key = keys[order.value] || keys.name;
  arrange(list, events.map((item) => item.node), key);
  for (const body of document.querySelectorAll("tbody")) {
    arrange(body, [...body.children], key);
  }
}

function remember() {
  const state = new URLSearchParams();
  if (box.value) state.set("q", box.value);
  if (order.value !== "name") state.set("sort", order.value);
  for (const select of filters) {
    if (select.value) state.set(select.dataset.filter, select.value);
  }
  const text = state.toString();
  try {
    history.replaceState(null, "", `#${text}`);
  } catch (error) {
    location.hash = text;
  }
}

function recall() {
  const given = new URLSearchParams(location.search);
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    given.set(name, value);
  }
  box.value = given.get("q") || "";
  if (given.get("sort") in keys) order.value = given.get("sort");
  for (const select of filters) {
    select.value = given.get(select.dataset.filter) || "";
    if (select.selectedIndex < 0) select.value = "";
  }
  filter();
}

let waiting = 0;
box.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { filter(); remember(); }, 80);
});
for (const select of [order, ...filters]) {
  select.addEventListener("change", () => { filter(); remember(); });
}
const openAll = (open) => events.forEach((item) => { item.node.open = open; });
document.getElementById("open").addEventListener("click", () => openAll(true));
document.getElementById("close").addEventListener("click", () => openAll(false));
window.addEventListener("beforeprint", () => openAll(true));
window.addEventListener("hashchange", recall);
recall();
document.querySelector(".bar").hidden = false;
