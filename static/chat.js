// The chat page: places the blocks that the server renders, follows the end, and moves the focus to a new question.
(() => {
  "use strict";

  const POLL_EVERY = 3000;
  const chat = () => document.getElementById("chat");
  const transcript = () => document.getElementById("transcript");
  const composer = () => document.getElementById("composer-text");
  let polling = null;

  // --- blocks ---

  function atEnd(box) {
    return box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  }

  function toEnd() {
    const box = transcript();
    if (box) box.scrollTop = box.scrollHeight;
  }

  // Put rendered runs where they belong: a known one is replaced if this one is newer, a new one goes to the end.
  function place(html, follow) {
    const box = transcript();
    if (!box) return;
    const stays = follow || atEnd(box);
    const sheet = document.createElement("template");
    sheet.innerHTML = html;
    for (const block of sheet.content.querySelectorAll("section.run")) placeOne(box, block);
    if (stays) toEnd();
    // What the person has just used is gone from the page: they go on in the composer.
    if (follow && document.activeElement === document.body) composer()?.focus({ preventScroll: true });
  }

  function placeOne(box, block) {
    const known = document.getElementById(block.id);
    if (known && Number(known.dataset.version) > Number(block.dataset.version)) return;
    if (known && known.dataset.version === block.dataset.version && !block.querySelector(".problem")) return;
    const before = known?.querySelector("[data-focus]")?.id;
    box.querySelector(".welcome")?.remove();
    htmx.swap(known ?? box, block.outerHTML, { swapStyle: known ? "outerHTML" : "beforeend" });
    const placed = document.getElementById(block.id);
    const target = placed.querySelector("[data-focus]");
    if (target && target.id !== before && !composer()?.value) focusIn(target);
    announce(placed.dataset.announce);
    box.dataset.after = String(Math.max(Number(box.dataset.after || 0), Number(placed.dataset.version)));
  }

  // A confirmation gets the focus itself, not its Yes: a key pressed a moment too late must not agree to anything.
  function focusIn(card) {
    const first = card.querySelector("input:not([type=hidden]), select, textarea") ?? card;
    first.focus({ preventScroll: true });
  }

  function announce(text) {
    const box = document.getElementById("announcer");
    if (box && text && box.textContent !== text) box.textContent = text;
  }

  // --- what the server sends ---

  document.addEventListener("htmx:sseBeforeMessage", (event) => {
    event.preventDefault();
    if (event.detail.type === "draft") showDraft(JSON.parse(event.detail.data));
    else place(event.detail.data, false);
  });

  // The answer as it is written; the finished one replaces the whole block.
  function showDraft({ run, text }) {
    const box = transcript();
    const shown = document.querySelector(`#run-${CSS.escape(run)} .draft`);
    if (!box || !shown) return;
    const stays = atEnd(box);
    shown.textContent = text;
    if (stays) toEnd();
  }

  document.addEventListener("htmx:sseOpen", () => {
    clearInterval(polling);
    polling = null;
  });

  // Without a stream (a proxy that buffers, a server that restarts) the page asks every few seconds.
  document.addEventListener("htmx:sseError", () => {
    if (polling === null) polling = setInterval(poll, POLL_EVERY);
  });

  async function poll() {
    const box = transcript();
    if (!box?.dataset.news) return;
    try {
      const answer = await fetch(`${box.dataset.news}?after=${box.dataset.after || 0}`, { credentials: "same-origin" });
      if (answer.ok && !answer.redirected) place(await answer.text(), false);
    } catch {
      // Not reachable now; the next round tries again.
    }
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const source = event.detail.requestConfig.elt;
    if (!source.closest("[data-places]")) return;
    const status = event.detail.xhr.status;
    if (event.detail.xhr.getResponseHeader("HX-Retarget")) return;
    if (status !== 200 && status !== 409) return;
    event.detail.shouldSwap = false;
    place(event.detail.serverResponse, true);
  });

  // --- the composer ---

  function measure() {
    const text = composer();
    if (!text) return;
    const send = document.getElementById("composer-send");
    const left = Number(text.dataset.max) - text.value.length;
    const hint = document.getElementById("composer-left");
    send.disabled = !text.value.trim() || left < 0;
    hint.textContent = left < 200 ? (left < 0 ? `${-left} characters too many` : `${left} characters left`) : "";
    if (!CSS.supports("field-sizing", "content")) {
      text.style.height = "auto";
      text.style.height = `${text.scrollHeight + 2}px`;
    }
  }

  document.addEventListener("input", (event) => {
    if (event.target.id !== "composer-text") return;
    document.getElementById("composer-problem").textContent = "";
    measure();
  });

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "composer-text" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!document.getElementById("composer-send").disabled) event.target.form.requestSubmit();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.requestConfig?.elt.id !== "composer" || !event.detail.successful) return;
    const text = composer();
    if (text) text.value = "";
    document.getElementById("composer-problem").textContent = "";
    measure();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-suggest]");
    if (!link || !composer()) return;
    event.preventDefault();
    const text = composer();
    text.value = link.dataset.suggest;
    measure();
    text.focus();
    const gap = text.value.indexOf("…");
    if (gap >= 0) text.setSelectionRange(gap, gap + 1);
  });

  // A conversation that has just begun takes the place of the empty page.
  document.addEventListener("htmx:afterSettle", () => {
    if (chat() && !chat().dataset.ready) start();
  });

  function start() {
    if (!chat()) return;
    chat().dataset.ready = "yes";
    measure();
    toEnd();
    const waiting = [...document.querySelectorAll("[data-focus]")].pop();
    if (waiting) focusIn(waiting);
  }

  start();
})();
