// The live page: shows rows as they come, holds them still while somebody looks at one, and keeps the filters in the URL.
(() => {
  "use strict";
  const list = document.getElementById("live-rows");
  if (!list) return;
  const most = 300;      // rows that are kept
  const patience = 40;   // frames that are kept while the rows are held still
  const form = document.getElementById("live-filters");
  const button = document.getElementById("live-pause");
  const rates = document.getElementById("live-rates");
  const note = document.getElementById("live-note");
  const empty = document.getElementById("live-empty");
  const sign = document.querySelector("[data-live]");

  let source = null;     // null while paused
  let frames = [];       // not shown yet: {html, reset}
  let stale = false;     // frames were thrown away while the rows were held still
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
    source.addEventListener("reset", (e) => { frames = [{ html: e.data, reset: true }]; stale = false; draw(); });
    source.addEventListener("rows", (e) => {
      frames.push({ html: e.data, reset: false });
      if (frames.length > patience) { frames = []; stale = true; }
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
    frames = [];
    stale = false;
  }

  // Several frames that have come since the last time are drawn at once.
  function draw() {
    if (drawing || held()) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      if (held()) return;
      if (stale) { connect(); return; }
      const due = frames;
      frames = [];
      for (const frame of due) show(frame);
      if (due.length) {
        empty.hidden = list.childElementCount > 0;
        htmx.trigger(list, "htmx:load"); // times in the reader's zone
      }
    });
  }

  function show(frame) {
    const template = document.createElement("template");
    template.innerHTML = frame.html;
    if (frame.reset) list.replaceChildren();
    const fresh = [];
    for (const row of template.content.querySelectorAll("li")) {
      const before = frame.reset ? null : document.getElementById(row.id);
      if (before) before.replaceWith(row);
      else fresh.push(row);
    }
    fresh.reverse();
    if (fresh.length > most) fresh.length = most;
    for (let over = list.childElementCount + fresh.length - most; over > 0; over--) list.lastElementChild.remove();
    list.prepend(...fresh);
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
