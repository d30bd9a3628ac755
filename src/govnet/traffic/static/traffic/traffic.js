// Pages whose tables follow the time span: a range button, or a span drawn on a chart, is a new
// address, loaded as a whole. charts.js asks for it by this event and leaves it to us.
(function () {
  "use strict";

  document.addEventListener("govnet:range", (event) => {
    event.preventDefault();
    window.location.assign(event.detail);
  });

  // Without a chart on the page nobody else listens to the buttons.
  if (!document.querySelector("[data-chart]")) {
    const query = new URLSearchParams(window.location.search);
    document.querySelectorAll("[data-range-button]").forEach((button) => {
      const chosen = query.get("range") || (query.has("from") ? "" : button.closest("[data-default-range]").dataset.defaultRange);
      const active = button.dataset.rangeButton === chosen;
      button.classList.toggle("btn-primary", active);
      button.setAttribute("aria-pressed", String(active));
      button.addEventListener("click", () => {
        const url = new URL(window.location.href);
        ["range", "from", "to"].forEach((name) => url.searchParams.delete(name));
        url.searchParams.set("range", button.dataset.rangeButton);
        window.location.assign(url);
      });
    });
  }
})();
