// A word's definition and a formula's copy open beside their mention: with the pointer and with
// the keyboard. A card stays while the pointer is on it, and Escape closes it (WCAG 1.4.13).
"use strict";
(() => {
  const mentions = 'article a.reference[href*="glossary.html#term-"], article a.reference[href^="#equation-"]';
  const card = document.createElement("div");
  card.className = "book-card";
  card.id = "book-card";
  card.setAttribute("role", "tooltip");
  card.hidden = true;
  let mention = null;
  let timer;

  function content(link) {
    const name = decodeURIComponent(link.hash.slice(1));
    const target = document.getElementById(name);
    if (name.startsWith("equation-")) return target?.querySelector(".katex-display")?.cloneNode(true);
    return document.querySelector(`#book-terms [data-term="${CSS.escape(name)}"]`)?.cloneNode(true);
  }

  function open(link) {
    clearTimeout(timer);
    if (link === mention) return;
    close();
    const copy = content(link);
    if (!copy) return;
    card.replaceChildren(copy);
    card.classList.toggle("formula", link.hash.startsWith("#equation-"));
    card.hidden = false;
    mention = link;
    link.setAttribute("aria-describedby", card.id);
    const at = link.getClientRects()[0];
    const width = document.documentElement.clientWidth;
    const left = Math.max(16, Math.min(at.left, width - card.offsetWidth - 16));
    const below = at.bottom + 6 + card.offsetHeight <= window.innerHeight || at.top < card.offsetHeight + 70;
    card.style.left = `${left + window.scrollX}px`;
    card.style.top = `${(below ? at.bottom + 6 : at.top - card.offsetHeight - 6) + window.scrollY}px`;
  }

  function close() {
    clearTimeout(timer);
    if (!mention) return;
    mention.removeAttribute("aria-describedby");
    mention = null;
    card.hidden = true;
  }

  function soon(step, milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(step, milliseconds);
  }

  for (const link of document.querySelectorAll(mentions)) {
    link.addEventListener("pointerenter", (event) => {
      if (event.pointerType !== "touch") soon(() => open(link), mention ? 60 : 180);
    });
    link.addEventListener("pointerleave", () => soon(close, 250));
    link.addEventListener("focus", () => link.matches(":focus-visible") && open(link));
    link.addEventListener("blur", () => soon(close, 100));
  }
  card.addEventListener("pointerenter", () => clearTimeout(timer));
  card.addEventListener("pointerleave", () => soon(close, 250));
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  document.querySelector("article")?.append(card);
})();
