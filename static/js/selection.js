// Choosing rows of a list: all on the page, everything that matches, and how many are chosen.
(() => {
  "use strict";
  const boxes = (form) => [...form.querySelectorAll('input[name="ids"]')];

  const update = (form) => {
    const all = boxes(form);
    const chosen = all.filter((box) => box.checked).length;
    const everything = form.querySelector("[data-select-everything]");
    const page = form.querySelector("[data-select-page]");
    page.checked = chosen === all.length && all.length > 0;
    page.indeterminate = chosen > 0 && chosen < all.length;
    const count = everything?.checked ? everything.dataset.selectEverything : chosen;
    const words = form.querySelector("[data-bulk-count]").dataset;
    form.querySelector("[data-bulk-count]").textContent = count ? words.some.replace("{n}", count) : words.none;
    form.querySelector("[data-bulk-bar]").toggleAttribute("data-chosen", Boolean(chosen || everything?.checked));
  };

  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-selection]");
    if (!form) return;
    if (event.target.matches("[data-select-page]")) boxes(form).forEach((box) => { box.checked = event.target.checked; });
    update(form);
  });

  // Shift and a click choose every row from the last one clicked.
  let last = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    const form = box.matches?.('input[name="ids"]') && box.closest("[data-selection]");
    if (!form) return;
    const all = boxes(form);
    if (event.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
      all.slice(from, to + 1).forEach((each) => { each.checked = box.checked; });
      update(form);
    }
    last = box;
  });

  // What asks again by itself lets the list alone while rows are chosen; an answer that is under way too.
  const restWhileChosen = (event) => {
    const asks = event.detail.requestConfig?.elt ?? event.detail.elt;
    if (asks.hasAttribute("data-rests-while-chosen") && document.querySelector("[data-bulk-bar][data-chosen]")) event.preventDefault();
  };
  document.addEventListener("htmx:beforeRequest", restWhileChosen);
  document.addEventListener("htmx:beforeSwap", restWhileChosen);

  // What is morphed (a row that was worked) keeps its tick; the server does not know of it.
  const morphs = window.Idiomorph.defaults.callbacks;
  morphs.beforeAttributeUpdated = (name, element) => name !== "checked" || !element.closest("[data-selection]");
  const updateAll = () => document.querySelectorAll("[data-selection]").forEach(update);
  document.addEventListener("htmx:afterSwap", updateAll);
  // A browser that comes back to the page restores the ticks.
  window.addEventListener("pageshow", updateAll);
})();
