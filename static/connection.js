// Shows of a connection's form what the chosen kind of authentication reads.
"use strict";

(() => {
  const kind = document.querySelector("#id_auth_kind");
  if (!kind) return;
  const show = () => {
    for (const input of document.querySelectorAll("[data-kinds]")) {
      input.closest("[data-field]").hidden = !input.dataset.kinds.split(" ").includes(kind.value);
    }
  };
  kind.addEventListener("change", show);
  show();
})();
