// Lists and forms of the generic layer. Everything works without it, only with more clicks.
(function () {
  "use strict";

  // ---- Rows chosen for a bulk action ---------------------------------------------------
  function updateBulk(form) {
    const boxes = Array.from(form.querySelectorAll('input[name="pk"]'));
    const chosen = boxes.filter((box) => box.checked).length;
    const all = form.querySelector("[data-bulk-all]");
    const everything = Boolean(all && all.checked);
    const count = form.querySelector("[data-bulk-count]");
    if (count) count.textContent = everything || !chosen ? count.dataset.none : `${count.dataset.some || ""} ${chosen}`.trim();
    form.querySelectorAll("[data-bulk-bar] button").forEach((button) => {
      button.disabled = !everything && chosen === 0;
    });
    const head = form.querySelector("[data-select-all]");
    if (head) {
      head.checked = boxes.length > 0 && chosen === boxes.length;
      head.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  }
  function updateAll() {
    document.querySelectorAll("form[data-bulk]").forEach(updateBulk);
    // Exports and saved filters follow what the table shows now.
    const shown = document.querySelector("[data-current-query]");
    if (!shown) return;
    const query = shown.dataset.currentQuery;
    document.querySelectorAll("[data-query]").forEach((field) => { field.value = query; });
    document.querySelectorAll("[data-export]").forEach((link) => {
      link.href = link.href.split("?")[0] + "?" + link.dataset.export + (query ? "&" + query : "");
    });
  }
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-bulk]");
    if (!form) return;
    if (event.target.matches("[data-select-all]")) {
      form.querySelectorAll('input[name="pk"]').forEach((box) => { box.checked = event.target.checked; });
    }
    updateBulk(form);
  });
  document.body.addEventListener("htmx:afterSwap", updateAll);
  updateAll();

  // ---- Rows of children ----------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-formset-add]");
    if (!button) return;
    const box = button.closest("[data-formset]");
    const total = box.querySelector('input[name$="-TOTAL_FORMS"]');
    const html = box.querySelector("[data-formset-template]").innerHTML.replaceAll("__prefix__", total.value);
    const rows = box.querySelector("[data-formset-rows]");
    rows.insertAdjacentHTML("beforeend", html);
    total.value = String(Number(total.value) + 1);
    const first = rows.lastElementChild.querySelector("input:not([type=hidden]), select");
    if (first) first.focus();
  });
  document.addEventListener("change", (event) => {
    const row = event.target.closest("[data-formset-row]");
    if (row && event.target.name.endsWith("-DELETE")) row.classList.toggle("is-removed", event.target.checked);
  });
})();
