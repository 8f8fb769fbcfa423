// Sets the theme and the navigation's width before the first paint, so that nothing flashes.
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
  document.addEventListener("DOMContentLoaded", () => { apply(); applySidebar(); });
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
