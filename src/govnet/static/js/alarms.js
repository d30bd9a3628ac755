// Sound for a new critical alarm, on whatever page it is first seen; and a list that waits while
// somebody is choosing rows. The switch is the person's own and stays in this browser.
(function () {
  "use strict";
  const SWITCH = "govnet-alarm-sound";
  const HEARD = "govnet-alarm-heard";

  function enabled() {
    return window.localStorage.getItem(SWITCH) === "on";
  }

  function beep() {
    const context = new AudioContext();
    [0, 0.35, 0.7].forEach((start) => {
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.frequency.value = 880;
      volume.gain.setValueAtTime(0.25, context.currentTime + start);
      volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + start + 0.28);
      tone.connect(volume).connect(context.destination);
      tone.start(context.currentTime + start);
      tone.stop(context.currentTime + start + 0.3);
    });
    window.setTimeout(() => context.close(), 2000);
  }

  function listen() {
    const marks = Array.from(document.querySelectorAll("[data-critical]"));
    const newest = Math.max(0, ...marks.map((mark) => Number(mark.dataset.critical) || 0));
    const heard = Number(window.localStorage.getItem(HEARD) || 0);
    if (newest > heard) {
      window.localStorage.setItem(HEARD, String(newest));
      if (enabled()) beep();
    }
  }

  function showSwitch() {
    document.querySelectorAll("[data-sound]").forEach((button) => {
      button.setAttribute("aria-pressed", String(enabled()));
      button.classList.toggle("btn-primary", enabled());
      button.querySelector("span").textContent = enabled() ? button.dataset.on : button.dataset.off;
    });
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-sound]")) return;
    window.localStorage.setItem(SWITCH, enabled() ? "off" : "on");
    showSwitch();
    if (enabled()) beep();
  });
  document.body.addEventListener("htmx:afterSwap", listen);
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const list = event.detail.elt;
    if (!list.hasAttribute("data-live-list")) return;
    if (list.querySelector('input[name="pk"]:checked, [data-bulk-all]:checked')) event.preventDefault();
  });
  showSwitch();
  listen();
})();
