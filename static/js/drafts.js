// What was typed into a form and met the end of the session: after signing in again the form is there as it was.
(() => {
  "use strict";
  const KEY = "draft";
  const KEPT = /^(text|search|number|date|time|email|url|tel|textarea|select-one|select-multiple|checkbox|radio)$/;
  const here = () => location.pathname + location.search;
  const person = () => document.body.dataset.person;
  const kept = (form) => [...form.elements].filter((field) => field.name && KEPT.test(field.type));
  const actionOf = (form) => form.getAttribute("action") ?? "";
  const valueOf = (field) =>
    field.type === "select-multiple" ? [...field.selectedOptions].map((option) => option.value) : field.value;

  // Kept for as long as it takes to sign in, in this tab alone. Passwords are not kept, nor are forms that have one.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || !person() || form.querySelector("[type=password]")) return;
    const fields = kept(form).map((field) => [field.name, valueOf(field), field.checked]);
    sessionStorage.setItem(KEY, JSON.stringify({ page: here(), person: person(), action: actionOf(form), fields }));
  });

  const fill = (field, [, value, checked]) => {
    if (field.type === "checkbox" || field.type === "radio") field.checked = checked;
    else if (field.type === "select-multiple") {
      for (const option of field.options) option.selected = value.includes(option.value);
    } else field.value = value;
  };
  const draft = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (!draft || !person()) return;
  sessionStorage.removeItem(KEY);
  const signedIn = document.referrer.startsWith(`${location.origin}/accounts/`);
  if (!signedIn || draft.person !== person() || draft.page !== here()) return;
  const form = [...document.querySelectorAll("form[method=post]")].find((each) => actionOf(each) === draft.action);
  const fields = form ? kept(form) : [];
  if (fields.length !== draft.fields.length || fields.some((field, n) => field.name !== draft.fields[n][0])) return;
  fields.forEach((field, n) => fill(field, draft.fields[n]));
  document.getElementById("messages").append(document.getElementById("draft-message").content.cloneNode(true));
})();
