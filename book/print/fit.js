// Runs in the whole document, laid out as wide as the paper's text: makes wide things fit.
//
// Returns what still reaches beyond the text's right edge, as one line each.
() => {
  const edge = document.querySelector("main").getBoundingClientRect().right;
  const shrink = (element, factor) => {
    element.style.fontSize = `${parseFloat(getComputedStyle(element).fontSize) * factor}px`;
  };

  // A formula of one line cannot be broken; it is set smaller until it fits.
  for (const formula of document.querySelectorAll(".katex-display")) {
    const parts = [...formula.querySelectorAll(".katex-html .base, .katex-html .tag")];
    const boxes = parts.map((part) => part.getBoundingClientRect());
    const width = Math.max(...boxes.map((b) => b.right)) - Math.min(...boxes.map((b) => b.left));
    if (width > formula.clientWidth) shrink(formula, (0.99 * formula.clientWidth) / width);
  }
  for (const table of document.querySelectorAll("table")) {
    for (let step = 0; step < 8 && table.getBoundingClientRect().right > edge + 1; step++) {
      shrink(table, 0.95);
    }
  }
  // What is short is kept whole; what is long may run over to the next page.
  for (const table of document.querySelectorAll("table")) {
    if (table.rows.length > 20) table.classList.add("long");
  }
  for (const pre of document.querySelectorAll("pre")) {
    if (pre.textContent.split("\n").length > 16) pre.classList.add("long");
  }

  const beyond = [];
  for (const element of document.querySelectorAll("main *")) {
    const box = element.getBoundingClientRect();
    if (box.width && box.right > edge + 2 && !element.closest(".katex .vlist, .katex svg")) {
      const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 60);
      beyond.push(`${element.tagName.toLowerCase()}.${element.className} ${text}`);
    }
  }
  return beyond;
}
