// What every page does: messages, the dialog, one submit at a time, and a clear word when a request fails.
(() => {
  "use strict";
  // Looked up when needed: htmx may replace the whole body.
  const byId = (id) => document.getElementById(id);

  // --- Messages ---------------------------------------------------------------------------------------------
  // A success goes by itself, but not while somebody reads it (pointer or focus on it); the rest waits. One that can be
  // undone shrinks to its Undo.
  const dismiss = (message) => {
    const hadFocus = message.contains(document.activeElement);
    message.remove();
    if (hadFocus) byId("main").focus({ preventScroll: true });
  };
  const fading = new WeakSet();
  const fadeLater = (message) => {
    if (fading.has(message)) return;
    fading.add(message);
    setTimeout(() => {
      fading.delete(message);
      if (message.matches(":hover, :focus-within")) fadeLater(message);
      else if (message.querySelector("form")) message.dataset.folded = "";
      else message.remove();
    }, message.dataset.fades * 1000);
  };
  const watchMessages = () => document.querySelectorAll("#messages [data-fades]:not([data-folded])").forEach(fadeLater);
  document.addEventListener("htmx:oobAfterSwap", watchMessages);
  document.addEventListener("htmx:afterSettle", watchMessages);
  watchMessages();

  const say = (when) => {
    const message = byId("client-messages").content.firstElementChild.cloneNode(true);
    const known = message.querySelector(`[data-when="${when}"]`) ? when : "other";
    message.querySelectorAll("[data-when]").forEach((text) => text.dataset.when === known || text.remove());
    const signIn = message.querySelector("[data-sign-in]");
    if (signIn) signIn.href += `?next=${encodeURIComponent(location.pathname + location.search)}`;
    byId("messages").replaceChildren(message);
  };

  // --- Requests that fail -----------------------------------------------------------------------------------
  // What asks in the background (the bell) stays silent about errors, except that the session has ended.
  let signedOut = false;
  const inBackground = (event) => event.target.closest("[data-background]") !== null;
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    signedOut = status === 401;
    if (signedOut || !inBackground(event)) say(String(status));
  });
  document.addEventListener("htmx:sendError", (event) => inBackground(event) || say("offline"));
  document.addEventListener("htmx:timeout", (event) => inBackground(event) || say("timeout"));

  // What went well before does not stand beside what goes wrong now. The messages of the answer itself come after this.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status < 400 || inBackground(event)) return;
    document.querySelectorAll("#messages .message-success, #messages .message-info").forEach(dismiss);
  });

  // --- The CSRF token ---------------------------------------------------------------------------------------
  // Read when it is sent, so that a page that was open while somebody signed in again still works.
  const csrfToken = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  document.addEventListener("htmx:configRequest", (event) => {
    const token = csrfToken();
    if (!token || event.detail.verb === "get") return;
    event.detail.headers["X-CSRFToken"] = token;
    if (event.detail.parameters.csrfmiddlewaretoken) event.detail.parameters.csrfmiddlewaretoken = token;
  });

  // --- One submit at a time ---------------------------------------------------------------------------------
  // aria-disabled, not disabled: a disabled button loses the focus, and its value is not sent.
  const WRITES = "[hx-post], [hx-put], [hx-patch], [hx-delete], form[method=post]";
  const setBusy = (element, busy) => {
    element.toggleAttribute("data-busy", busy);
    const buttons = element.matches("form") ? element.querySelectorAll("button:not([type=button])") : [element];
    buttons.forEach((button) => (busy ? button.setAttribute("aria-disabled", "true") : button.removeAttribute("aria-disabled")));
  };
  const stopIfBusy = (event) => {
    const element = event.target.closest(WRITES);
    const sends = event.type === "submit" || !element?.matches("form");
    if (element?.hasAttribute("data-busy") && sends) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  };
  document.addEventListener("submit", stopIfBusy, true);
  document.addEventListener("click", stopIfBusy, true);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    const token = csrfToken();
    if (token && form.elements.csrfmiddlewaretoken) form.elements.csrfmiddlewaretoken.value = token;
    setBusy(form, true);
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const rests = document.hidden && event.target.closest("[data-rests-when-hidden]");
    if (rests || (signedOut && inBackground(event))) event.preventDefault();
    else if (event.detail.elt.matches(WRITES)) setBusy(event.detail.elt, true);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.matches(WRITES)) setBusy(event.detail.elt, false);
    if (signedOut && event.detail.successful) {
      signedOut = false;
      document.querySelector("#messages .message:has([data-sign-in])")?.remove();
    }
  });
  const freeAll = () => document.querySelectorAll("[data-busy]").forEach((element) => setBusy(element, false));
  window.addEventListener("pageshow", freeAll);

  // --- The dialog -------------------------------------------------------------------------------------------
  // Whatever is swapped into #dialog is shown; an empty answer, or the event dialog:close, closes it.
  const modal = () => window.bootstrap.Modal.getOrCreateInstance(byId("dialog-host"));
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "dialog") return;
    if (byId("dialog").childElementCount) modal().show();
    else modal().hide();
  });
  document.addEventListener("dialog:close", () => modal().hide());
  document.addEventListener("shown.bs.modal", () => byId("dialog").querySelector("[autofocus], .is-invalid")?.focus());
  document.addEventListener("hidden.bs.modal", () => byId("dialog").replaceChildren());

  // hx-confirm="…", and data-confirm-question="…" on a plain form, ask in the same dialog.
  const ask = (question, go) => {
    byId("dialog").replaceChildren(byId("confirm-template").content.cloneNode(true));
    byId("dialog").querySelector("[data-question]").textContent = question;
    byId("dialog").querySelector("[data-confirm]").addEventListener("click", () => {
      modal().hide();
      go();
    });
    modal().show();
  };
  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    ask(event.detail.question, () => event.detail.issueRequest(true));
  });
  let agreed = null;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.dataset.confirmQuestion || agreed === form) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    ask(form.dataset.confirmQuestion, () => {
      agreed = form;
      form.requestSubmit(event.submitter);
      agreed = null;
    });
  }, true);

  // A list's URL names only the filters that are on.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.detail.elt.matches("form.filter-bar")) return;
    // Leaving the search field is a change too, but what was typed has been asked for already; a second answer would
    // undo what the click that left the field has asked for.
    const cause = event.detail.triggeringEvent;
    if (cause?.type === "change" && cause.target.matches("[type=search]")) event.preventDefault();
    const sent = event.detail.formData;
    [...sent.keys()].forEach((key) => sent.getAll(key).some(Boolean) || sent.delete(key));
  });

  // --- The search, and menus that open in place ---------------------------------------------------------------
  const WRITING = "input, textarea, select, [contenteditable]";
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus();
    const free = !event.target.closest(WRITING) && !document.querySelector('.modal-open, [data-single-keys="off"]');
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || !free) return;
    const boxes = [...document.querySelectorAll("[data-global-search], .filter-bar [type=search]")];
    const box = boxes.find((each) => each.checkVisibility());
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });

  const closeMenus = (but) => document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
    if (menu === but) return;
    const hadFocus = menu.contains(document.activeElement);
    menu.open = false;
    if (hadFocus && !but) menu.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("details[data-menu][open] .menu-body")) closeMenus(event.target.closest("details[data-menu]"));
  });

  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-dismiss-message]");
    if (close) dismiss(close.closest(".message"));
  });
})();
