"use strict";
const box = document.getElementById("search");
const order = document.getElementById("order");
const found = document.getElementById("found");
const list = document.getElementById("events");
const lower = (text) => text.toLowerCase();
const entry = (node, words, rows) => ({
  node,
  words: lower(words),
  rows: rows.map((row) => ({ node: row, words: lower(row.textContent) })),
});
const rowsOf = (node) => [...node.querySelectorAll("tbody tr, dl > div")];
const events = [...list.querySelectorAll("details")].map((node) =>
  entry(node, node.dataset.words, rowsOf(node)));
const others = [...document.querySelectorAll("[data-list]")].map((node) =>
  entry(node, "", rowsOf(node)));
const hasAll = (words, terms) => terms.every((term) => words.includes(term));

function filterRows(item, terms, all) {
  let hits = 0;
  for (const row of item.rows) {
    const hit = all || hasAll(`${item.words} ${row.words}`, terms);
    row.node.hidden = !hit;
    hits += hit;
  }
  return hits;
}

function filter() {
  const terms = lower(box.value).split(/\s+/).filter(Boolean);
  let shown = 0;
  let properties = 0;
  for (const item of events) {
    const whole = hasAll(item.words, terms);
    const hits = filterRows(item, terms, whole);
    item.node.hidden = !(whole || hits);
    item.node.open = terms.length > 0 && !whole && hits > 0;
    shown += !item.node.hidden;
    properties += hits;
  }
  for (const item of others) {
    const hits = filterRows(item, terms, !terms.length);
    item.node.hidden = !hits;
  }
  found.textContent = terms.length
    ? `${shown} of ${events.length} events, ${properties} of their fields`
    : `${shown} events`;
  if (!shown && terms.length) found.textContent += ": try fewer or shorter words";
}

const keys = {
  name: (data) => [data.name],
  type: (data) => [data.type, data.name],
  since: (data) => [-Number(data.since), data.name],
  personal: (data) => [-Number(data.personal), data.name],
};

function compare(a, b) {
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

function arrange(parent, children, key) {
  const sorted = children.map((node) => [key(node.dataset), node]);
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
  sort();
  filter();
}

let waiting = 0;
box.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => { filter(); remember(); }, 80);
});
order.addEventListener("change", () => { sort(); remember(); });
const openAll = (open) => events.forEach((item) => { item.node.open = open; });
document.getElementById("open").addEventListener("click", () => openAll(true));
document.getElementById("close").addEventListener("click", () => openAll(false));
window.addEventListener("beforeprint", () => openAll(true));
window.addEventListener("hashchange", recall);
recall();
document.querySelector(".bar").hidden = false;
