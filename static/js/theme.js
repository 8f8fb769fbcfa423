// What somebody has chosen in this browser: the theme and the navigation's width, set before the first paint so that
// nothing flashes; and whether single keys do something, which one must be able to turn off (WCAG 2.1.4).
(() => {
  "use strict";
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  // Storage can be forbidden; then the choice lasts as long as the page.
  const stored = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const store = (key, value) => { try { localStorage.setItem(key, value); } catch { /* see above */ } };

  let choice = stored("theme") || "auto";
  const apply = () => {
    root.dataset.bsTheme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
    }
  };
  apply();
  root.dataset.sidebar = stored("sidebar") || "full";
  system.addEventListener("change", apply);

  const applySidebar = () => {
    for (const button of document.querySelectorAll("[data-sidebar-toggle]")) {
      button.setAttribute("aria-expanded", String(root.dataset.sidebar === "full"));
    }
  };
  root.dataset.singleKeys = stored("keys") || "on";
  const applyKeys = () => {
    for (const box of document.querySelectorAll("[data-keys-switch]")) box.checked = root.dataset.singleKeys === "on";
  };
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-keys-switch]")) return;
    root.dataset.singleKeys = event.target.checked ? "on" : "off";
    store("keys", root.dataset.singleKeys);
    applyKeys();
  });
  document.addEventListener("DOMContentLoaded", () => { apply(); applySidebar(); applyKeys(); });
  document.addEventListener("click", (event) => {
    const theme = event.target.closest("[data-theme-choice]");
    if (theme) {
      choice = theme.dataset.themeChoice;
      store("theme", choice);
      apply();
      event.stopPropagation();
    }
    if (event.target.closest("[data-sidebar-toggle]")) {
      root.dataset.sidebar = root.dataset.sidebar === "full" ? "rail" : "full";
      store("sidebar", root.dataset.sidebar);
      applySidebar();
    }
  });
})();
