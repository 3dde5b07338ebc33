// What every page needs: a word to the person when a request fails, and the device's time zone on the profile page.
(() => {
  "use strict";

  const notice = () => document.getElementById("notice");
  let hiding;

  function tell(text) {
    const box = notice();
    box.textContent = text;
    box.hidden = false;
    clearTimeout(hiding);
    hiding = setTimeout(() => { box.hidden = true; }, 8000);
  }

  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.elt.closest("[data-quiet]")) return;
    tell("The server can't be reached. What you typed is kept; try again in a moment.");
  });

  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.elt.closest("[data-quiet]")) return;
    const status = event.detail.xhr.status;
    if (status === 403) tell("That is not allowed any more, or you were signed out. Reload the page.");
    else if (status === 404) tell("That is gone. Reload the page.");
    else if (status === 413) tell("That is too large.");
    else tell("Something went wrong on our side. What you typed is kept; try again in a moment.");
  });

  // On a narrow screen the tab of this page may be far to the right.
  const tab = document.querySelector(".tabs [aria-current]");
  if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 16;

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-device-zone]");
    if (!button) return;
    const select = document.getElementById(button.dataset.deviceZone);
    select.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
    select.focus();
  });
})();
