// Draws the charts of a page: loads each from its own address, follows the page's range, turns a
// drag into a new range in the page's address and a click into the raw samples of that moment.
(function () {
  "use strict";

  const COLOURS = {
    light: ["#066fd1", "#c2570c", "#0f766e", "#7c3aed", "#6b7280", "#b91c6b", "#4d7c0f", "#0891b2", "#a16207", "#be123c", "#4338ca", "#57534e"],
    dark: ["#5aa9f5", "#f3a266", "#4fd1c0", "#b79bf7", "#a7b0bd", "#f08cc0", "#a3d65c", "#67d4ee", "#e3c15e", "#fb8fa3", "#a5a3f7", "#b8b2ad"],
  };
  const FONT = getComputedStyle(document.documentElement).getPropertyValue("--tblr-font-sans-serif");
  const charts = [];

  function dark() {
    return document.documentElement.dataset.bsTheme === "dark";
  }

  function theme() {
    return dark()
      ? { text: "#b6bfcc", line: "#3a4656", split: "rgba(167,176,189,.14)", surface: "#1f2937", strong: "#e5e7eb" }
      : { text: "#5b6472", line: "#d1d5db", split: "rgba(31,41,55,.08)", surface: "#ffffff", strong: "#1f2937" };
  }

  function number(value, digits) {
    if (value === null || value === undefined) return "—";
    return value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }

  function clock(milliseconds, withSeconds) {
    const iso = new Date(milliseconds).toISOString();
    return iso.slice(0, 10) + " " + iso.slice(11, withSeconds ? 19 : 16);
  }

  // The tooltip's text is put together as DOM text: nothing that was measured becomes markup.
  function tooltip(chart, rows) {
    const box = document.createElement("div");
    const head = document.createElement("div");
    head.textContent = clock(rows[0].axisValue, chart.meta.step_s < 60);
    box.append(head);
    rows.forEach((row) => {
      const drawn = chart.option.series[row.seriesIndex];
      if (drawn.helper) return;
      const line = document.createElement("div");
      const mark = document.createElement("span");
      mark.textContent = "■ ";
      mark.style.color = row.color;
      line.append(mark, drawn.name + "  " + number(row.value[1], chart.meta.digits) + " " + chart.meta.unit);
      const low = rows.find((other) => chart.option.series[other.seriesIndex].bandOf === drawn.name && chart.option.series[other.seriesIndex].part === "low");
      const high = rows.find((other) => chart.option.series[other.seriesIndex].bandOf === drawn.name && chart.option.series[other.seriesIndex].part === "height");
      if (low && high && low.value[1] !== null && high.value[1] !== null) {
        line.append("  (" + number(low.value[1], chart.meta.digits) + " – " + number(low.value[1] + high.value[1], chart.meta.digits) + ")");
      }
      box.append(line);
    });
    return box;
  }

  function dress(chart) {
    const look = theme();
    const palette = COLOURS[dark() ? "dark" : "light"];
    const option = chart.option;
    const dressed = Object.assign({}, option);
    dressed.textStyle = { fontFamily: FONT };
    dressed.grid = { left: 8, right: 16, top: 34, bottom: 6, containLabel: true };
    dressed.legend = Object.assign({ top: 2, right: 16, itemWidth: 14, itemHeight: 8, icon: "roundRect", textStyle: { color: look.text } }, option.legend);
    dressed.xAxis = Object.assign({ axisLine: { lineStyle: { color: look.line } }, axisLabel: { color: look.text, hideOverlap: true }, splitLine: { show: false } }, option.xAxis);
    dressed.yAxis = Object.assign({ axisLabel: { color: look.text }, nameTextStyle: { color: look.text, align: "left", padding: [0, 0, 0, -24] }, nameGap: 10, splitLine: { lineStyle: { color: look.split } } }, option.yAxis);
    dressed.series = option.series.map((series) => {
      const colour = palette[series.colorIndex % palette.length];
      const drawn = Object.assign({}, series, { itemStyle: { color: colour } });
      drawn.lineStyle = Object.assign({ color: colour }, series.lineStyle);
      if (series.areaStyle) drawn.areaStyle = Object.assign({ color: colour }, series.areaStyle);
      if (series.markLine) {
        drawn.markLine = Object.assign({}, series.markLine, {
          lineStyle: Object.assign({ color: look.text }, series.markLine.lineStyle),
          label: Object.assign({ color: look.text }, series.markLine.label),
        });
      }
      return drawn;
    });
    dressed.tooltip = {
      trigger: "axis",
      confine: true,
      backgroundColor: look.surface,
      borderColor: look.line,
      textStyle: { color: look.strong, fontSize: 12, fontFamily: FONT },
      axisPointer: { type: "line", lineStyle: { color: look.text, type: "dashed" } },
      formatter: (rows) => tooltip(chart, rows),
    };
    // The tool itself is hidden; only its "select a span by dragging" is used.
    dressed.toolbox = { show: true, itemSize: 0, right: -40, feature: { dataZoom: { yAxisIndex: "none", brushStyle: { color: "rgba(6,111,209,.15)" } } } };
    return dressed;
  }

  function message(chart, text, empty) {
    chart.message.hidden = !text;
    chart.message.textContent = text || "";
    chart.canvas.style.visibility = text ? "hidden" : "visible";
    chart.message.classList.toggle("chart-empty", Boolean(empty));
  }

  function foot(chart) {
    const foot = chart.card.querySelector(".chart-foot");
    if (!foot) return;
    foot.replaceChildren();
    chart.meta.notes.forEach((note) => {
      const span = document.createElement("span");
      span.textContent = note;
      foot.append(span);
    });
    const csv = chart.card.querySelector("[data-csv]");
    if (csv) csv.href = address(chart) + "&format=csv";
  }

  function draw(chart) {
    if (!chart.echart) {
      chart.echart = window.echarts.init(chart.canvas, null, { locale: document.documentElement.lang.startsWith("zh") ? "ZH" : "EN" });
      chart.echart.on("datazoom", (event) => zoomed(chart, event));
      chart.echart.getZr().on("click", (event) => clicked(chart, event));
    }
    chart.echart.setOption(dress(chart), { notMerge: true });
    chart.echart.dispatchAction({ type: "takeGlobalCursor", key: "dataZoomSelect", dataZoomSelectActive: true });
  }

  function real(chart, milliseconds) {
    return Math.round(milliseconds / 1000 - chart.meta.offset_s);
  }

  function zoomed(chart, event) {
    const zoom = (event.batch || [event])[0];
    if (zoom.startValue === undefined || zoom.endValue === undefined) return;
    const from = real(chart, zoom.startValue);
    const to = Math.max(real(chart, zoom.endValue), from + 60);
    setRange({ from: String(from), to: String(to) });
  }

  function clicked(chart, event) {
    if (!chart.meta.samples_url) return;
    const at = chart.echart.convertFromPixel({ xAxisIndex: 0 }, event.offsetX);
    if (!Number.isFinite(at) || !chart.echart.containPixel("grid", [event.offsetX, event.offsetY])) return;
    window.location.assign(chart.meta.samples_url + "?at=" + real(chart, at));
  }

  function range() {
    const query = new URLSearchParams(window.location.search);
    if (query.has("from") && query.has("to")) return { from: query.get("from"), to: query.get("to") };
    return query.has("range") ? { range: query.get("range") } : {};
  }

  function setRange(chosen) {
    const url = new URL(window.location.href);
    ["range", "from", "to"].forEach((name) => url.searchParams.delete(name));
    Object.entries(chosen).forEach(([name, value]) => url.searchParams.set(name, value));
    // A page whose tables follow the span loads itself anew instead.
    if (!document.dispatchEvent(new CustomEvent("govnet:range", { detail: url.toString(), cancelable: true }))) return;
    window.history.pushState(null, "", url);
    loadAll();
  }

  function address(chart) {
    const own = chart.element.dataset;
    const first = own.from ? { from: own.from, to: own.to } : { range: own.range };
    const query = new URLSearchParams(Object.keys(range()).length ? range() : first);
    return own.chart + (own.chart.includes("?") ? "&" : "?") + query.toString();
  }

  function load(chart) {
    if (!chart.visible) {
      chart.dirty = true;
      return;
    }
    chart.dirty = false;
    if (chart.request) chart.request.abort();
    chart.request = new AbortController();
    fetch(address(chart), { headers: { Accept: "application/json" }, signal: chart.request.signal, credentials: "same-origin" })
      .then((response) => response.json().then((body) => ({ ok: response.ok, body })))
      .then(({ ok, body }) => {
        chart.request = null;
        if (!ok) {
          message(chart, body.message || chart.element.dataset.failed);
          return;
        }
        chart.option = body.option;
        chart.meta = body.meta;
        foot(chart);
        message(chart, body.meta.empty ? body.meta.empty : "", true);
        draw(chart);
      })
      .catch((error) => {
        if (error.name === "AbortError") return;
        chart.request = null;
        message(chart, chart.element.dataset.failed);
      });
  }

  function loadAll() {
    const now = range();
    document.querySelectorAll("[data-range-button]").forEach((button) => {
      const chosen = now.range || (now.from ? "" : button.closest("[data-default-range]").dataset.defaultRange);
      const active = button.dataset.rangeButton === chosen;
      button.classList.toggle("btn-primary", active);
      button.setAttribute("aria-pressed", String(active));
    });
    charts.forEach(load);
  }

  function setUp() {
    const seen = new IntersectionObserver((entries) => {
      entries.forEach((entry) => {
        const chart = charts.find((each) => each.element === entry.target);
        chart.visible = entry.isIntersecting;
        if (chart.visible && chart.dirty) load(chart);
      });
    }, { rootMargin: "200px" });
    document.querySelectorAll("[data-chart]").forEach((element) => {
      charts.push({
        element,
        card: element.closest(".card"),
        canvas: element.querySelector(".chart-canvas"),
        message: element.querySelector(".chart-message"),
        visible: false,
        dirty: true,
      });
      seen.observe(element);
    });
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-range-button]");
      if (button) setRange({ range: button.dataset.rangeButton });
    });
    window.addEventListener("popstate", loadAll);
    window.addEventListener("resize", () => charts.forEach((chart) => chart.echart && chart.echart.resize()));
    document.documentElement.addEventListener("govnet:theme", () => charts.forEach((chart) => chart.option && draw(chart)));
    loadAll();
    // A range that ends now moves on; a chosen span stands still; a hidden tab asks nothing.
    setInterval(() => {
      if (!document.hidden && !range().from) charts.forEach(load);
    }, 30000);
  }

  // Two panels of one page may each bring this script along.
  if (!document.documentElement.dataset.charts && document.querySelector("[data-chart]")) {
    document.documentElement.dataset.charts = "on";
    setUp();
  }
})();
