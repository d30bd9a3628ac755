// The shell: search dialog, live fragments, small conveniences. No inline script anywhere (CSP).
(function () {
  "use strict";

  // ---- Search (Ctrl-K) ---------------------------------------------------------------
  const dialog = document.getElementById("search-dialog");
  const input = document.getElementById("search-input");

  function hits() {
    return Array.from(document.querySelectorAll("#search-results .search-hit"));
  }

  function select(step) {
    const all = hits();
    if (!all.length) return;
    const now = all.findIndex((hit) => hit.classList.contains("selected"));
    const next = (now + step + all.length) % all.length;
    all.forEach((hit, index) => {
      hit.classList.toggle("selected", index === next);
      if (index === next) {
        hit.scrollIntoView({ block: "nearest" });
        input.setAttribute("aria-activedescendant", hit.id);
      }
    });
  }

  function openSearch() {
    if (!dialog || dialog.open) return;
    dialog.showModal();
    input.select();
    input.focus();
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openSearch();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-search-open]")) openSearch();
    else if (dialog && event.target === dialog) dialog.close();
  });
  if (input) {
    input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        select(event.key === "ArrowDown" ? 1 : -1);
      } else if (event.key === "Enter") {
        const chosen = document.querySelector("#search-results .search-hit.selected") || hits()[0];
        if (chosen && input.value.trim()) {
          event.preventDefault();
          window.location.assign(chosen.href);
        }
      }
    });
  }

  // ---- Live fragments ----------------------------------------------------------------
  // A fragment with data-live asks again by hx-trigger="every …"; a hidden tab asks nothing.
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.hasAttribute("data-live") && document.hidden) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !window.htmx) return;
    document.querySelectorAll("[data-live]").forEach((live) => window.htmx.trigger(live, "govnet:visible"));
  });

  // When the server stops answering, what is on the screen turns grey and says its age.
  function liveElement(event) {
    const element = event.detail.elt;
    return element && element.hasAttribute("data-live") ? element : null;
  }
  function stale(event) {
    const live = liveElement(event);
    if (live) live.classList.add("is-stale");
  }
  document.body.addEventListener("htmx:sendError", stale);
  document.body.addEventListener("htmx:responseError", (event) => {
    stale(event);
    // The session ended while the page stayed open: go and sign in again.
    if (event.detail.xhr.status === 401) window.location.reload();
  });
  document.body.addEventListener("htmx:timeout", stale);
  function fresh(live) {
    if (!live || !live.hasAttribute("data-live")) return;
    live.classList.remove("is-stale");
    live.dataset.loadedAt = String(Date.now());
  }
  // The element that asked may stay (its inside was swapped, or nothing was new) or be replaced.
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) fresh(event.detail.requestConfig.elt);
  });
  document.body.addEventListener("htmx:afterSwap", (event) => fresh(liveElement(event)));
  setInterval(() => {
    document.querySelectorAll("[data-live].is-stale").forEach((live) => {
      const note = live.querySelector(":scope > .stale-note");
      if (!note) return;
      const seconds = Math.round((Date.now() - Number(live.dataset.loadedAt || performance.timeOrigin)) / 1000);
      note.querySelector("[data-age]").textContent = String(seconds);
    });
  }, 1000);

  // ---- Forms that submit when a choice changes ----------------------------------------
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submit-on-change]");
    if (form) form.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy && navigator.clipboard) navigator.clipboard.writeText(copy.dataset.copy);
  });
})();
