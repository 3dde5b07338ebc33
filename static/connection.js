// Shows of a connection's form what the chosen kind of authentication reads, and whose account it takes.
"use strict";

(() => {
  const kind = document.querySelector("#id_auth_kind");
  if (!kind) return;
  const personal = document.querySelector("#id_personal");
  const show = () => {
    const own = personal.checked && kind.value !== "oauth2_code";
    personal.closest("[data-field]").hidden = kind.value === "none";
    for (const input of document.querySelectorAll("[data-kinds]")) {
      input.closest("[data-field]").hidden = !input.dataset.kinds.split(" ").includes(kind.value) || (own && "shared" in input.dataset);
    }
  };
  kind.addEventListener("change", show);
  personal.addEventListener("change", show);
  show();
})();
