// The live page: shows rows as they come, holds them still while somebody looks at one, and keeps the filters in the URL.
(() => {
  "use strict";
  const list = document.getElementById("live-rows");
  if (!list) return;
  const most = 300;      // rows that are kept
  const patience = 3000; // rows that are kept while they are held still
  const atOnce = 80;     // rows that are drawn at once, so that the browser stays at ease
  const form = document.getElementById("live-filters");
  const button = document.getElementById("live-pause");
  const rates = document.getElementById("live-rates");
  const note = document.getElementById("live-note");
  const empty = document.getElementById("live-empty");
  const sign = document.querySelector("[data-live]");

  let source = null;     // null while paused
  let waiting = [];      // rows that are not drawn yet
  let anew = false;      // before them all others go
  let stale = false;     // rows were thrown away while they were held still
  let drawing = false;
  let pointed = false;

  const params = () => {
    const p = new URLSearchParams(new FormData(form));
    for (const [key, value] of [...p]) if (!value.trim() || key === "paused") p.delete(key);
    return p;
  };
  const paused = () => new URLSearchParams(location.search).has("paused");
  const held = () => pointed || list.contains(document.activeElement);

  function state(text, kind) {
    sign.hidden = false;
    sign.textContent = text;
    sign.dataset.live = kind;
  }

  function say(text) {
    if (note.textContent === text) return;
    note.textContent = text;
    note.hidden = !text;
  }

  function connect() {
    disconnect();
    const query = params().toString();
    source = htmx.createEventSource(list.dataset.stream + (query ? "?" + query : ""));
    source.addEventListener("open", () => state("live", "on"));
    source.addEventListener("error", () => { if (source) state("not connected, trying again", "off"); });
    source.addEventListener("reset", (e) => { waiting = read(e.data); anew = true; stale = false; draw(); });
    source.addEventListener("rows", (e) => {
      waiting.push(...read(e.data));
      if (waiting.length > patience) { waiting = []; stale = true; }
      draw();
    });
    source.addEventListener("summary", (e) => {
      const summary = JSON.parse(e.data);
      rates.textContent = summary.rates;
      say(summary.note);
    });
  }

  function disconnect() {
    if (source) source.close();
    source = null;
    waiting = [];
    anew = stale = false;
  }

  function read(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return [...template.content.querySelectorAll("li")];
  }

  // Draws some of the rows that have come, and the others with the next pictures.
  function draw() {
    if (drawing || held() || !(waiting.length || anew || stale)) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      if (held()) return;
      if (stale) { connect(); return; }
      if (anew) list.replaceChildren(...waiting.splice(0).reverse().map(same));
      else show(waiting.splice(0, atOnce));
      anew = false;
      empty.hidden = list.childElementCount > 0;
      htmx.trigger(list, "htmx:load"); // times in the reader's zone
      draw();
    });
  }

  // The row as it is shown already, if it is: whoever is about to click on it should meet it.
  function same(row) {
    const before = document.getElementById(row.id);
    return before && before.dataset.fate === row.dataset.fate ? before : row;
  }

  // The oldest row comes first.
  function show(rows) {
    const fresh = new Map();
    for (const row of rows) {
      const before = document.getElementById(row.id);
      if (before) before.replaceWith(row);
      else fresh.set(row.id, row); // a row that has changed meanwhile takes the place of its former self
    }
    for (let over = list.childElementCount + fresh.size - most; over > 0 && list.lastElementChild; over--) list.lastElementChild.remove();
    list.prepend(...[...fresh.values()].reverse());
  }

  // The URL says what is shown, so that it can be kept and passed on.
  function remember(pause) {
    const p = params();
    if (pause) p.set("paused", "1");
    const query = p.toString();
    history.replaceState(null, "", location.pathname + (query ? "?" + query : ""));
    const hidden = form.querySelector("input[name=paused]");
    if (hidden) hidden.remove();
    button.textContent = pause ? "Go on" : "Pause";
    button.classList.toggle("second", !pause);
  }

  function pause() {
    disconnect();
    remember(true);
    state("paused", "");
    rates.textContent = "";
    say("Paused. What happens meanwhile is not lost: it is shown when you go on, as far as there is room.");
  }

  function goOn() {
    remember(false);
    say("");
    connect();
  }

  button.addEventListener("click", (e) => { e.preventDefault(); if (paused()) goOn(); else pause(); });
  button.addEventListener("keydown", (e) => { if (e.key === " ") { e.preventDefault(); button.click(); } });
  form.addEventListener("submit", (e) => { e.preventDefault(); goOn(); });
  let timer = 0;
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(goOn, 300); });
  list.addEventListener("pointerenter", (e) => { if (e.pointerType === "mouse") pointed = true; });
  list.addEventListener("pointerleave", () => { pointed = false; draw(); });
  list.addEventListener("focusout", () => setTimeout(draw));

  if (paused()) { state("paused", ""); } else { connect(); }
})();
