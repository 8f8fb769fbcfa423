// Working a table of records: each click one small request, the keyboard, and the place kept.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const NOTHING_FOCUSED = "html, body, #main";
  const keysWork = () => document.documentElement.dataset.singleKeys === "on";
  const FIELDS = "textarea, select, input:not([type=checkbox])";

  // --- The current row ----------------------------------------------------------------------------------------
  let currentId = null;
  const table = () => (byId(currentId) ?? document).closest?.("[data-work]") ?? document.querySelector("[data-work]");
  const current = () => byId(currentId);
  const rows = () => [...document.querySelectorAll("[data-work] tbody > tr")];

  const mark = (row) => {
    document.querySelectorAll("[data-work-row][aria-current]").forEach((other) => {
      if (other === row) return;
      other.removeAttribute("aria-current");
      other.tabIndex = -1;
    });
    if (!row) return;
    currentId = row.id;
    if (!row.matches("[data-work-row]")) return;
    row.setAttribute("aria-current", "true");
    row.tabIndex = 0;
  };
  const begin = () => {
    const at = document.querySelector("[data-work][data-at]")?.dataset.at;
    const row = (at && byId(at)) || document.querySelector("[data-work-row][data-to-do]") || document.querySelector("[data-work-row]");
    currentId = null;
    mark(row);
    if (at && row) row.scrollIntoView({ block: "center" });
    const tab = document.querySelector(".list-head [aria-current]")?.parentElement;
    if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 48;
  };
  const goTo = (row) => {
    mark(row);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const move = (step) => {
    const all = rows();
    let at = all.indexOf(current());
    do at += step; while (all[at] && !all[at].matches("[data-work-row]"));
    if (all[at]) goTo(all[at]);
    else if (step > 0) document.querySelector("#list [rel=next]")?.click();
  };
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-work-row]");
    if (row) mark(row);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!document.querySelector("[data-work]")) return;
    if (event.detail.target.id === "list" || !current()) begin();
    else mark(current());
  });

  // --- Sending ------------------------------------------------------------------------------------------------
  const here = () => location.pathname + location.search;
  const say = (what) => {
    const status = (table() ?? document).querySelector("[data-work-status]");
    if (status) status.textContent = status.dataset[what];
  };
  // One row's requests go one after the other, so that the last answer is the last click's.
  const send = (row, url, values) => {
    const { selectable, hideBatch } = row.closest("[data-work]").dataset;
    const flags = { ...(selectable !== undefined && { selectable: 1 }), ...(hideBatch !== undefined && { hide_batch: 1 }) };
    window.htmx.ajax("POST", url, {
      source: row, target: row, swap: "morph:outerHTML", select: "tbody > tr", values: { ...flags, next: here(), ...values },
    });
  };
  const outcome = (row, values) => send(row, row.querySelector("[data-work-form]").getAttribute("action"), values);
  const validate = (row, values) => send(row, row.querySelector("[name=validation]").getAttribute("formaction"), values);

  // A number that this page does not show needs no place.
  document.addEventListener("htmx:beforeSwap", (event) => {
    // An answer never overwrites what somebody is typing.
    window.Idiomorph.defaults.ignoreActiveValue = document.activeElement.matches(FIELDS);
    if (!event.detail.target.matches("[data-work-row]")) return;
    const answer = document.createElement("template");
    answer.innerHTML = event.detail.serverResponse;
    const place = ({ id, tagName, dataset }) => (id ? `#${id}` : `${tagName}[data-figure="${dataset.figure}"][data-object="${dataset.object}"]`);
    answer.content.querySelectorAll("[hx-swap-oob]").forEach((part) => document.querySelector(place(part)) || part.remove());
    event.detail.serverResponse = answer.innerHTML;
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-work-form]")) {
      event.preventDefault();
      const row = form.closest("[data-work-row]");
      const { name, value } = event.submitter ?? {};
      if (name === "validation") value === "invalid" ? ask("invalid", row) : validate(row, { validation: value });
      else if (name) outcome(row, { [name]: value });
    } else if (form.matches('#messages form[action*="/undo/"]') && table()) {
      event.preventDefault();
      undo(form.getAttribute("action"));
    } else if (form.matches("#dialog [data-answer]")) {
      event.preventDefault();
      answer(new FormData(form).get(form.dataset.answer));
    }
  }, true);
  // The second click of a double-click would take the first one back.
  document.addEventListener("click", (event) => {
    if (event.detail > 1 && event.target.closest("[data-work-row] .segment")) event.preventDefault();
  }, true);

  const undo = async (url) => {
    await window.htmx.ajax("POST", url, { target: "#messages", swap: "none" });
    await window.htmx.ajax("GET", here(), { target: "#main", select: "#main", swap: "morph:outerHTML" });
    if (document.activeElement.matches(NOTHING_FOCUSED)) current()?.focus({ preventScroll: true });
  };

  // --- Fields in the row --------------------------------------------------------------------------------------
  // While a date is typed it is a date already, of the year 2: it is sent when the field is left.
  let typed = false;
  const saveDate = (field) => {
    if (field.validity.badInput) field.value = field.defaultValue;
    if (field.value !== field.defaultValue) outcome(field.closest("[data-work-row]"), { follow_up_on: field.value });
    typed = false;
  };
  document.addEventListener("change", (event) => {
    const field = event.target;
    const row = field.closest("[data-work-row]");
    if (!row) return;
    if (field.name === "note") outcome(row, { note: field.value });
    if (field.name === "follow_up_on" && !typed) saveDate(field);
  });
  document.addEventListener("focusout", (event) => {
    if (typed && event.target.matches("[data-work-row] [name=follow_up_on]")) saveDate(event.target);
  });
  const inField = (event, row) => {
    const field = event.target;
    if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) {
      event.preventDefault();
      goTo(row);
    } else if (field.type === "date" && event.key !== "Tab") typed = true;
  };

  // --- The dialog ---------------------------------------------------------------------------------------------
  let asked = null;
  const ask = (what, row) => {
    const template = table()?.querySelector(`template[data-work-dialog="${what}"]`);
    if (!template) return;
    asked = row;
    byId("dialog").replaceChildren(template.content.cloneNode(true));
    const about = byId("dialog").querySelector("[data-about]");
    if (about) about.textContent = row.querySelector(".cell-main").textContent;
    byId("dialog").querySelectorAll("[data-keys-switch]").forEach((box) => { box.checked = keysWork(); });
    window.bootstrap.Modal.getOrCreateInstance(byId("dialog-host")).show();
    byId("dialog").querySelector("[autofocus]")?.focus();
  };
  const answer = (value) => {
    const row = byId(asked?.id);
    const field = byId("dialog").querySelector("[data-answer]").dataset.answer;
    window.bootstrap.Modal.getOrCreateInstance(byId("dialog-host")).hide();
    if (!row) return;
    if (field === "reason") validate(row, { validation: "invalid", reason: value });
    else outcome(row, { [field]: value });
  };
  document.addEventListener("hidden.bs.modal", () => {
    if (table() && document.activeElement.matches(NOTHING_FOCUSED)) current()?.focus({ preventScroll: true });
  });

  // --- Copying ------------------------------------------------------------------------------------------------
  const copy = async (button) => {
    const field = document.createElement("textarea");
    let copied = true;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {  // not allowed, or not a secure page
      field.value = button.dataset.copy;
      field.className = "visually-hidden";
      button.after(field);
      field.select();
      copied = document.execCommand("copy");
      field.remove();
      button.focus({ preventScroll: true });
    }
    say(copied ? "copied" : "notCopied");
    button.toggleAttribute("data-copied", copied);
    setTimeout(() => button.removeAttribute("data-copied"), 1500);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-follow-up], [data-keys], #dialog [data-answer] [data-value]");
    if (!button) return;
    if (button.matches("[data-copy]")) copy(button);
    else if (button.matches("[data-follow-up]")) ask("follow_up", button.closest("[data-work-row]"));
    else if (button.matches("[data-keys]")) ask("keys");
    else answer(button.dataset.value);
  });

  // --- The keyboard -------------------------------------------------------------------------------------------
  // Single keys work in the table, or while nothing has the focus, and can be turned off (theme.js).
  const press = (key) => (row) => row.querySelector(`[data-key="${key}"]`)?.click();
  const click = (selector) => (row) => row.querySelector(selector)?.click();
  const focus = (selector) => (row) => row.querySelector(selector)?.focus();
  const KEYS = {
    1: press("1"), 2: press("2"), 3: press("3"), y: press("y"), n: press("n"), v: press("v"), x: press("x"),
    e: focus("[name=note]"), t: focus("[name=note]"), f: click("[data-follow-up]"), d: click(".work-done"), m: click("[data-chat]"),
    c: click("[data-copy]"), o: click("a.cell-main"), a: click("[name=ids]"),
  };
  const ANYWHERE = {
    j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1), "?": () => ask("keys"),
    u: () => {
      const form = document.querySelector('#messages form[action*="/undo/"]');
      if (form) form.requestSubmit();
      else say("nothing");
    },
  };
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (!table() || event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector(".modal.show, .offcanvas.show, .dropdown-menu.show")) return;
    const row = target.closest?.("[data-work-row]");
    if (target.matches?.(FIELDS)) {
      if (row) inField(event, row);
      return;
    }
    if (!keysWork() || !(target.closest("[data-work]") || target.matches(NOTHING_FOCUSED))) return;
    const onRow = KEYS[key] ?? (key === " " && target === row ? KEYS.a : null);
    if (ANYWHERE[key]) {
      event.preventDefault();
      if (!event.repeat || key !== "u") ANYWHERE[key]();
    } else if (onRow && !event.repeat) {
      const chosen = current();
      if (!chosen?.matches("[data-work-row]")) return;
      event.preventDefault();
      if (!chosen.contains(document.activeElement)) goTo(chosen);
      onRow(chosen);
    }
  });

  const show = () => document.querySelectorAll("[data-keys]").forEach((button) => { button.hidden = false; });
  document.addEventListener("htmx:afterSettle", show);
  show();
  begin();
})();
