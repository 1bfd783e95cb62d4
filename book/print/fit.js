// Runs in the whole document, laid out as wide as the paper's text: makes wide things fit, gives the
// figures their size, and closes gaps at the foot of pages.
//
// `width` and `height` are those of a page's text in CSS pixels. An inch of a figure, as Matplotlib
// was told its size, is drawn `inch` pixels wide, or down to `smallest` where that closes a gap; `dots`
// tells how many dots an inch has in each picture, `usualDots` in all others.
// Returns what still reaches beyond the text's right edge, as one line each.
({ width, height, inch, smallest, dots, usualDots }) => {
  const main = document.querySelector("main");
  const edge = main.getBoundingClientRect().right;
  const shrink = (element, factor) => {
    element.style.fontSize = `${parseFloat(getComputedStyle(element).fontSize) * factor}px`;
  };

  const inches = (image) => {
    const file = image.src.split("/").pop().split(".")[0];
    return image.naturalWidth / (dots[file] ?? usualDots);
  };
  for (const image of document.images) {
    const tallest = (0.45 * height * image.naturalWidth) / image.naturalHeight;
    image.style.width = `${Math.min(inches(image) * inch, width, tallest)}px`;
  }
  // A formula of one line cannot be broken; it is set smaller until it fits.
  for (const formula of document.querySelectorAll(".katex-display")) {
    const parts = [...formula.querySelectorAll(".katex-html .base, .katex-html .tag")];
    const boxes = parts.map((part) => part.getBoundingClientRect());
    const wide = Math.max(...boxes.map((b) => b.right)) - Math.min(...boxes.map((b) => b.left));
    if (wide > formula.clientWidth) shrink(formula, (0.99 * formula.clientWidth) / wide);
  }
  for (const table of document.querySelectorAll("table")) {
    for (let step = 0; step < 8 && table.getBoundingClientRect().right > edge + 1; step++) {
      shrink(table, 0.95);
    }
  }
  // Code whose longest line is somewhat too long is set smaller; longer lines are broken.
  for (const pre of document.querySelectorAll("pre")) {
    const lines = [...pre.children];
    const tallest = () => Math.max(...lines.map((line) => line.clientHeight));
    const one = 1.85 * parseFloat(getComputedStyle(pre).lineHeight);
    const usual = pre.style.fontSize;
    if (tallest() < one) continue;
    for (let step = 0; step < 3 && tallest() > one; step++) shrink(pre, 0.95);
    if (tallest() > one) pre.style.fontSize = usual;
  }
  // What is short is kept whole; what is long may run over to the next page.
  for (const table of document.querySelectorAll("table")) {
    if (table.rows.length > 8) table.classList.add("long");
  }
  for (const pre of document.querySelectorAll("pre")) {
    if (pre.children.length > 14) pre.classList.add("long");
  }

  const beyond = [];
  for (const element of document.querySelectorAll("main *")) {
    const box = element.getBoundingClientRect();
    if (box.width && box.right > edge + 2 && !element.closest(".katex .vlist, .katex svg")) {
      const text = element.textContent.trim().replace(/\s+/g, " ").slice(0, 60);
      beyond.push(`${element.tagName.toLowerCase()}.${element.className} ${text}`);
    }
  }

  // Where pages end is seen nowhere before they are printed. Columns of a page's size end at the same
  // places, because the browser breaks both by the same rules, and columns can be measured.
  const GAP = 100;
  const CONTENT = "p, li, pre, figure, img, figcaption, tr, h1, h2, h3, h4, dt, dd, .math, .admonition";
  const asColumns = (article, on) => {
    const sizes = { height: `${height}px`, columnWidth: `${width}px`, columnGap: `${GAP}px`, columnFill: "auto" };
    for (const [name, size] of Object.entries(sizes)) article.style[name] = on ? size : "";
  };
  const measure = (article) => {
    const origin = article.getBoundingClientRect();
    const pageOf = (box) => Math.floor((box.left - origin.left + 1) / (width + GAP));
    const ends = [];
    for (const element of article.querySelectorAll(CONTENT)) {
      for (const box of element.getClientRects()) {
        const page = pageOf(box);
        if (box.height) ends[page] = Math.max(ends[page] ?? 0, box.bottom - origin.top);
      }
    }
    const figures = [...article.querySelectorAll("img")].map((image) => {
      const whole = (image.closest("figure") ?? image).getBoundingClientRect();
      return { image, page: pageOf(whole), end: whole.bottom - origin.top };
    });
    return { ends: Array.from(ends, (end) => end ?? 0), figures };
  };

  // A figure that has gone to the next page comes back if a smaller picture makes it fit.
  const closeGaps = (article) => {
    const settled = new Set();
    for (;;) {
      const { ends, figures } = measure(article);
      const next = figures.find(({ image, page, end }) => {
        if (settled.has(image) || page === 0) return false;
        const white = height - ends[page - 1];
        const missing = end - white;
        const room = image.height * (1 - (smallest * inches(image)) / image.width);
        return white > 0.1 * height && missing > 0 && missing + 6 < room;
      });
      if (!next) return;
      settled.add(next.image);
      const before = next.image.style.width;
      const missing = next.end - (height - ends[next.page - 1]) + 6;
      next.image.style.width = `${(next.image.width * (next.image.height - missing)) / next.image.height}px`;
      const after = measure(article).figures.find(({ image }) => image === next.image);
      if (after.page === next.page) next.image.style.width = before;
    }
  };

  // A last page with little on it is saved if somewhat smaller figures or lines make room for it.
  const closeUp = (article) => {
    const pages = () => measure(article).ends.length;
    const { ends } = measure(article);
    if (ends.length < 2 || ends.at(-1) > 0.3 * height) return;
    const images = [...article.querySelectorAll("img")];
    const widths = images.map((image) => image.style.width);
    const steps = ["tight", "tighter", "tightest"];
    for (const tight of ["", ...steps]) {
      article.classList.remove(...steps);
      if (tight) article.classList.add(tight);
      for (const factor of images.length ? [1, 0.95, 0.9, 0.85] : [1]) {
        images.forEach((image, i) => {
          const least = Math.min(parseFloat(widths[i]), smallest * inches(image));
          image.style.width = `${Math.max(least, factor * parseFloat(widths[i]))}px`;
        });
        closeGaps(article);
        if (pages() < ends.length) return;
      }
    }
    article.classList.remove(...steps);
    images.forEach((image, i) => { image.style.width = widths[i]; });
  };

  for (const article of document.querySelectorAll("article")) {
    asColumns(article, true);
    closeGaps(article);
    closeUp(article);
    asColumns(article, false);
  }
  return beyond;
}
