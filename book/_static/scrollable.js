// What scrolls sideways can be reached by the keyboard. Sizes are read when the keyboard is first
// used, and then in idle moments: reading them all at once would lay out the whole chapter before
// its first screen is shown.
"use strict";
(() => {
  const wide = "article :is(pre, div.math, .katex-display, table, .pst-scrollable-table-container), .book-card";
  let waiting = [];

  function look(deadline) {
    while (waiting.length && (deadline.didTimeout || deadline.timeRemaining() > 4)) {
      const area = waiting.shift();
      const scrolls = area.scrollWidth > area.clientWidth + 1 || area.scrollHeight > area.clientHeight + 1;
      const style = scrolls ? getComputedStyle(area) : null;
      if (style && /auto|scroll/.test(style.overflowX + style.overflowY)) area.tabIndex = 0;
      else area.removeAttribute("tabindex");
    }
    if (waiting.length) later(look);
    else document.documentElement.dataset.scrollable = "known";
  }

  const later = window.requestIdleCallback ?? ((step) => setTimeout(() => step({ timeRemaining: () => 8 }), 50));
  function begin() {
    const idle = waiting.length === 0;
    delete document.documentElement.dataset.scrollable;
    waiting = [...document.querySelectorAll(wide)];
    if (idle) later(look);
  }

  let pause;
  function first() {
    begin();
    window.addEventListener("resize", () => {
      clearTimeout(pause);
      pause = setTimeout(begin, 300);
    });
    // A formula is wider in its own font than in the one that stands in for it.
    document.fonts.addEventListener("loadingdone", begin);
  }
  window.addEventListener("keydown", first, { once: true, capture: true });
})();
