// The charts of the overview. The numbers come from the server; a table below them says the same.
(() => {
  "use strict";

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const number = (v) => v == null ? "–" : compact.format(v);
  const share = (v) => v == null ? "–" : Math.round(v) + " %";
  function duration(v) {
    if (v == null) return "–";
    if (v === 0) return "0";
    if (v < 1) return Math.round(v * 1000) + " ms";
    if (v < 120) return +v.toPrecision(3) + " s";
    if (v < 7200) return Math.round(v / 60) + " min";
    if (v < 172800) return +(v / 3600).toPrecision(3) + " h";
    return Math.round(v / 86400) + " days";
  }

  // What each chart draws: the names of series, what they are called, and how their values are shown.
  const kinds = {
    rates: { show: number, lines: [["in", "events in"], ["calls", "calls"]] },
    share: { show: share, top: 100, lines: [["share", "of the limit"]] },
    latency: { show: duration, lines: [["p50", "half within"], ["p99", "99 of 100 within"]] },
    oldest: { show: duration, lines: [["oldest", "oldest"]] },
  };
  const height = 140; // of a chart without its legend
  const strokes = [["--c1", []], ["--c2", [6, 3]]];

  function options(kind, el, step) {
    const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), size: 4 }, font: "11px system-ui, sans-serif" };
    const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric" });
    const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
    const at = (t) => { const d = new Date(t * 1000); return (step > 600 ? day.format(d) + " " : "") + clock.format(d); };
    return {
      width: Math.max(200, el.clientWidth), height, padding: [8, 8, 0, 0],
      cursor: { drag: { x: false, y: false }, sync: { key: el.closest("[data-series]").dataset.series }, points: { size: 6 } },
      legend: { live: true },
      scales: { y: { range: (u, min, max) => [0, Math.max(kind.top ?? 0, max > 0 ? max * 1.1 : 1)] } },
      axes: [
        { ...axis, size: 28, space: 70, values: (u, splits) => splits.map((t) => step > 600 ? day.format(new Date(t * 1000)) : clock.format(new Date(t * 1000))) },
        { ...axis, size: 62, space: 28, values: (u, splits) => splits.map(kind.show) },
      ],
      series: [
        { label: "at", value: (u, t) => t == null ? "–" : at(t) },
        ...kind.lines.map(([, label], i) => ({
          label, stroke: style(strokes[i][0]), dash: strokes[i][1], width: 1.75, points: { show: false },
          value: (u, v) => kind.show(v),
        })),
      ],
    };
  }

  class Charts {
    constructor(box) {
      this.box = box;
      this.limit = Number(box.dataset.limit);
      this.plots = [...box.querySelectorAll("[data-plot]")].map((el) => ({ el, kind: kinds[el.dataset.plot] }));
      for (const plot of this.plots) plot.el.setAttribute("aria-hidden", "true");
      new ResizeObserver(() => this.fit()).observe(box);
      this.load();
    }

    async load() {
      const answer = await fetch(this.box.dataset.series, { headers: { "HX-Request": "true" } });
      if (!answer.ok) return;
      this.view = await answer.json();
      this.view.share = this.view.calls.map((v) => v == null || !this.limit ? null : 100 * v / this.limit);
      this.draw();
    }

    data(kind) { return [this.view.times, ...kind.lines.map(([name]) => this.view[name])]; }

    draw() {
      for (const plot of this.plots) {
        if (plot.chart) plot.chart.setData(this.data(plot.kind));
        else plot.chart = new uPlot(options(plot.kind, plot.el, this.view.step), this.data(plot.kind), plot.el);
      }
      this.box.dataset.drawn = this.view.times.at(-1);
    }

    // again draws with the colours of now.
    again() {
      for (const plot of this.plots) { plot.chart?.destroy(); plot.chart = null; }
      if (this.view) this.draw();
    }

    fit() {
      for (const plot of this.plots) {
        const width = Math.max(200, plot.el.clientWidth);
        if (plot.chart && plot.chart.width !== width) plot.chart.setSize({ width, height });
      }
    }
  }

  const all = [...document.querySelectorAll("[data-series]")].map((box) => new Charts(box));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach((charts) => charts.again()));
  document.addEventListener("tanker:sampled", () => all.forEach((charts) => charts.load()));
})();
