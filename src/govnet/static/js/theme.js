// Runs before the first paint, so that a dark page never flashes white.
(function () {
  "use strict";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    const theme = root.dataset.theme;
    const isDark = theme === "dark" || (theme === "auto" && dark.matches);
    root.dataset.bsTheme = isDark ? "dark" : "light";
    root.dispatchEvent(new CustomEvent("govnet:theme"));
  }
  apply();
  dark.addEventListener("change", apply);
})();
