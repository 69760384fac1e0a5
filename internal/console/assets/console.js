// What pages cannot do without a script. Everything that changes something is a form and works without this file.
(() => {
  "use strict";

  // Moments are written in UTC; whoever looks has a time zone of their own.
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  function localTimes(root) {
    for (const el of root.querySelectorAll("time[data-when]")) {
      const at = new Date(el.dateTime);
      if (isNaN(at)) continue;
      el.title = el.textContent;
      const today = new Date().toDateString() === at.toDateString();
      el.textContent = (today ? "" : day.format(at) + ", ") + clock.format(at);
      el.removeAttribute("data-when");
    }
  }

  // A button that copies the text of another element: data-copy="#id".
  function copyButtons(root) {
    for (const el of root.querySelectorAll("button[data-copy]")) {
      el.hidden = false;
      el.addEventListener("click", async () => {
        const from = document.querySelector(el.dataset.copy);
        await navigator.clipboard.writeText(from.value ?? from.textContent);
        const label = el.textContent;
        el.textContent = "Copied";
        setTimeout(() => { el.textContent = label; }, 1500);
      });
    }
  }

  // A box that checks all boxes of its form with a name: data-check-all="name".
  function checkAll(root) {
    for (const el of root.querySelectorAll("input[data-check-all]")) {
      el.hidden = false;
      el.addEventListener("change", () => {
        for (const box of el.form.querySelectorAll(`input[name="${el.dataset.checkAll}"]`)) box.checked = el.checked;
      });
    }
  }

  htmx.onLoad((root) => { localTimes(root); copyButtons(root); checkAll(root); });

  // A form that is only there because a link must not log anybody in by being looked at.
  for (const form of document.querySelectorAll("form[data-submit]")) form.requestSubmit();

  // Streams end with the session, and rest while nobody can see the page: a browser has few connections to a server.
  const open = new Set();
  const logIn = () => location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
  htmx.createEventSource = (url) => {
    const source = new EventSource(url);
    open.add(source);
    source.addEventListener("sampled", () => document.dispatchEvent(new Event("tanker:sampled")));
    source.addEventListener("over", () => { source.close(); logIn(); });
    source.addEventListener("error", async () => {
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      open.delete(source);
      // Refused: perhaps the server has started anew and knows no sessions yet.
      const answer = await fetch("/session", { headers: { "HX-Request": "true" } }).catch(() => null);
      if (answer?.status === 401) logIn();
    });
    return source;
  };
  const patience = 60_000;
  let resting = false, timer = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) {
      timer = setTimeout(() => {
        for (const source of open) source.close();
        resting = open.size > 0;
        open.clear();
      }, patience);
    } else if (resting) {
      location.reload();
    }
  });

  // What says whether a page that updates itself still does: data-live.
  function live(on) {
    for (const el of document.querySelectorAll("[data-live]")) {
      el.textContent = on ? "live" : "not connected";
      el.dataset.live = on ? "on" : "off";
    }
  }
  document.addEventListener("htmx:sseOpen", () => live(true));
  document.addEventListener("htmx:sseError", () => live(false));
})();
