// The topology map: zoom, and moving nodes while "Arrange" is on. No inline script (CSP).
(function () {
  "use strict";
  const map = document.getElementById("map");
  if (!map) return;
  const toggle = document.querySelector("[data-map-arrange]");
  let width = ""; // as it was drawn
  let held = null;

  const svg = () => map.querySelector("svg.map");
  const arranging = () => map.classList.contains("is-arranging");

  function applyZoom() {
    if (svg()) svg().style.width = width;
  }

  function place(node) {
    const found = /translate\(([-\d.]+) ([-\d.]+)\)/.exec(node.getAttribute("transform"));
    return { x: Number(found[1]), y: Number(found[2]) };
  }

  function put(node, x, y) {
    const to = { x: Math.max(0, Math.round(x)), y: Math.max(0, Math.round(y)) };
    node.setAttribute("transform", `translate(${to.x} ${to.y})`);
    const id = node.dataset.node;
    svg().querySelectorAll(".map-link").forEach((link) => {
      const line = link.querySelector("line");
      if (link.dataset.a === id) { line.setAttribute("x1", to.x); line.setAttribute("y1", to.y); }
      if (link.dataset.b === id) { line.setAttribute("x2", to.x); line.setAttribute("y2", to.y); }
    });
    // A label would be left behind in the void; the next drawing puts it where there is room.
    svg().querySelectorAll(".map-use").forEach((label) => {
      if (label.dataset.a === id || label.dataset.b === id) label.remove();
    });
  }

  function save(node) {
    const at = place(node);
    const values = { view: map.dataset.view, element: node.dataset.node, x: at.x, y: at.y };
    window.htmx.ajax("POST", map.dataset.move, { values, swap: "none", source: document.body });
  }

  function point(event) {
    const at = new DOMPoint(event.clientX, event.clientY);
    return at.matrixTransform(svg().getScreenCTM().inverse());
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-map-zoom]");
    if (button) {
      const factor = Number(button.dataset.mapZoom);
      const wanted = svg() ? svg().getBoundingClientRect().width * factor : 0;
      width = factor ? `${Math.round(Math.min(20000, Math.max(300, wanted)))}px` : "100%";
      applyZoom();
    } else if (toggle && event.target.closest("[data-map-arrange]")) {
      toggle.setAttribute("aria-pressed", String(map.classList.toggle("is-arranging")));
      toggle.classList.toggle("active");
    } else if (arranging() && event.target.closest("[data-node]")) {
      event.preventDefault();
    }
  });

  map.addEventListener("dragstart", (event) => { if (arranging()) event.preventDefault(); });
  map.addEventListener("pointerdown", (event) => {
    const node = arranging() && event.target.closest("[data-node]");
    if (!node) return;
    event.preventDefault();
    node.focus();
    held = { node, moved: false };
  });
  map.addEventListener("pointermove", (event) => {
    if (!held) return;
    const at = point(event);
    put(held.node, at.x, at.y);
    held.moved = true;
  });
  window.addEventListener("pointerup", () => {
    if (held && held.moved) save(held.node);
    held = null;
  });
  map.addEventListener("keydown", (event) => {
    const node = event.shiftKey && arranging() && event.target.closest("[data-node]");
    const step = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, -10], ArrowDown: [0, 10] }[event.key];
    if (!node || !step) return;
    event.preventDefault();
    const at = place(node);
    put(node, at.x + step[0], at.y + step[1]);
    save(node);
  });

  // What a person is moving must not be drawn anew under the hand.
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt === map && arranging()) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterSwap", (event) => { if (event.detail.elt === map) applyZoom(); });
  const found = map.querySelector(".is-found");
  if (found) found.scrollIntoView({ block: "center", inline: "center" });
})();
