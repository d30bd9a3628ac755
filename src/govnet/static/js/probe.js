// Shows only the fields that the chosen probe has a use for.
(function () {
  "use strict";
  const FIELDS = {
    port: ["tcp"], server: ["dns"], record_type: ["dns"], query_type: ["dns"],
    expected_status: ["http"], body_contains: ["http"],
  };

  function arrange() {
    const kind = document.querySelector("[data-probe-form] [name=kind]");
    if (!kind) return;
    Object.entries(FIELDS).forEach(([name, kinds]) => {
      const field = document.querySelector("[data-probe-form] [name=" + name + "]");
      if (field) field.closest(".mb-3").hidden = !kinds.includes(kind.value);
    });
  }
  document.addEventListener("change", (event) => {
    if (event.target.name === "kind") arrange();
  });
  document.body.addEventListener("htmx:afterSwap", arrange);
  arrange();
})();
