/* What the pages do beyond HTML and htmx: the theme, the keyboard, selects that send their form. Every page works
   without this file. */
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripted");

  const button = document.getElementById("theme");
  const order = ["auto", "light", "dark"];
  button?.addEventListener("click", () => {
    const next = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
    root.dataset.theme = next;
    button.setAttribute("aria-label", `Theme: ${next}`);
    button.title = `Theme: ${next}`;
    document.cookie = `theme=${next}; path=/; max-age=31536000; samesite=lax`;
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  const links = () => [...document.querySelectorAll("[data-rows] tbody tr a[href]:first-of-type")];
  const move = (step) => {
    const rows = [...new Map(links().map((link) => [link.closest("tr"), link])).values()];
    if (!rows.length) return;
    const here = rows.findIndex((link) => link.closest("tr").contains(document.activeElement));
    rows[Math.min(rows.length - 1, Math.max(0, here + step))].focus();
  };

  let waiting = "";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = waiting + event.key;
    waiting = "";
    if (key === "/") {
      event.preventDefault();
      document.getElementById("search")?.focus();
    } else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if (key === "x") document.activeElement?.closest("[data-rows] tr")?.querySelector("input[type=checkbox]")?.click();
    else if (key === "?") document.getElementById("keys")?.showModal();
    else if (key === "g") waiting = "g";
    else if (key === "gi") location.href = "/messages";
    else if (key === "gr") location.href = "/rescans";
    else if (key === "gl") location.href = "/lanes";
  });
})();
