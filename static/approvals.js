// The approval queue by keyboard: j and k move, a e r decide, ? tells the keys. Never while somebody types.
(() => {
  "use strict";

  const items = () => [...document.querySelectorAll("[data-item] a.button")];

  function move(by) {
    const links = items();
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + by, 0), links.length - 1);
    links[next].focus();
    links[next].scrollIntoView({ block: "nearest" });
  }

  function press(key) {
    const form = document.querySelector("[data-decision]");
    if (!form) return false;
    const typed = form.querySelector("#typed");
    if (key === "a" && typed && !typed.value) typed.focus();
    else if (key === "a") form.querySelector("[data-key=a]").focus();
    else if (key === "r") form.querySelector("#reason").focus();
    else if (key === "e" && form.querySelector("[data-edit]")) {
      form.querySelector("[data-edit]").open = true;
      form.querySelector("[data-edit] input:not([type=hidden]), [data-edit] select, [data-edit] textarea")?.focus();
    } else return false;
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "?") document.querySelector(".keys")?.classList.toggle("told");
    else if (event.key === "j" && !items().length) document.querySelector("main a")?.click();
    else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
    else if (!press(event.key)) return;
    event.preventDefault();
  });
})();
