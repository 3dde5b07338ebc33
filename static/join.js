// The secret of an invitation stands in the link's fragment, which browsers keep to themselves: it is sent in a form.
document.addEventListener("DOMContentLoaded", () => {
  const field = document.querySelector("[data-secret-from-address]");
  if (!field || location.hash.length < 2) return;
  field.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  field.form.requestSubmit();
});
