// book.css has the sections below the first window laid out only when they come near it, so that a
// chapter opens at once. Some seconds after that, in idle moments and a few milliseconds at a time,
// this lays out the rest: what looks at the page then sees the same as without the trick. A screen
// reader need not wait for it: see book/_ext/page_sections.py.
"use strict";
(() => {
  // Half a second at most: a page in the background, or on a busy computer, is never idle.
  const later = window.requestIdleCallback
    ? (step) => window.requestIdleCallback(step, { timeout: 500 })
    : (step) => setTimeout(step, 30);
  let waiting = [];

  function step() {
    const end = performance.now() + 5;
    while (waiting.length && performance.now() < end) {
      const part = waiting.shift();
      if (part.matches("article > section > section") && part.childElementCount > 2) {
        // The parts of a section share the place that was kept for it.
        const parts = [...part.children];
        const each = part.offsetHeight / parts.length;
        for (const child of parts) {
          child.style.contentVisibility = "auto";
          child.style.containIntrinsicSize = `auto ${each}px`;
        }
        part.style.contentVisibility = "visible";
        waiting.unshift(...parts);
      } else {
        part.style.contentVisibility = "";
        part.style.containIntrinsicSize = "";
        if (part.matches("article > section > section")) part.style.contentVisibility = "visible";
        part.getBoundingClientRect();
      }
    }
    if (waiting.length) later(step);
    else document.documentElement.dataset.laidOut = "whole";
  }

  let begun = false;
  function begin() {
    if (begun) return;
    begun = true;
    waiting = [...document.querySelectorAll("article > section > section:nth-of-type(n + 3)")];
    later(step);
  }
  window.addEventListener("load", () => setTimeout(begin, 4000));
  window.addEventListener("keydown", begin, { once: true, capture: true });
})();
