// Takes the article out of an open page, made ready to stand with all others in one document.
//
// Returns the article's title and sections, its HTML, and the HTML of its solutions, which the
// printed book has at its end. `name` is put before each id, so that no two pages share one;
// `names` tells the name of each page of the book by its address, `tests` which of the page's
// cells, counted from 0, only test an answer.
({ name: page, names, bookTitle, tests }) => {
  const article = document.querySelector("article");
  const all = (selector) => [...article.querySelectorAll(selector)];
  const name = (id) => `${page}-${id}`;

  // Tests are for the computer. Printed, they would be two thirds of an assignment.
  const cells = all(".cell");
  for (const place of tests) {
    if (!cells[place]) throw new Error(`${page} has no cell ${place} of code`);
    const before = cells[place].previousElementSibling;
    if (before?.className === "in-the-notebook") {
      cells[place].remove();
      before.textContent = "The tests of this answer are in the notebook.";
    } else {
      const note = document.createElement("p");
      note.className = "in-the-notebook";
      note.textContent = "The test of this answer is in the notebook.";
      cells[place].replaceWith(note);
    }
  }
  // A call that only shows what moves: its still picture stands before it.
  for (const view of all('script[type*="widget-view"]')) view.closest(".cell").remove();

  // What only a screen can use. Code that a page folds away draws a diagram: it stays out, too.
  const screenOnly = [
    "script", "style", "button", "[hidden]", ".headerlink", ".d-print-none", ".toctree-wrapper",
    ".live-figure", ".run-in-browser", "details.above-input",
  ];
  for (const element of all(screenOnly.join())) element.remove();
  for (const details of all("details")) details.open = true;

  // A formula is drawn once; its source becomes its description in the PDF.
  for (const formula of all(".katex")) {
    const source = formula.querySelector("annotation")?.textContent;
    formula.querySelector(".katex-mathml")?.remove();
    const drawn = formula.querySelector(".katex-html");
    if (!source || !drawn) continue;
    drawn.removeAttribute("aria-hidden");
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", source.trim());
  }

  // Lines of code are blocks, so that a listing's edge ends where its part on a page ends. Pygments
  // closes its tags at the end of each line. Two empty lines, as Python's style has them between
  // functions, are one on paper.
  for (const code of all("pre")) {
    const lines = code.innerHTML.replace(/\s+$/, "").replace(/\n{3,}/g, "\n\n").split("\n");
    code.innerHTML = lines.map((line) => `<span class="line">${line}\n</span>`).join("");
  }

  for (const image of all("img")) {
    image.src = image.src; // absolute: the document is made in another folder
    for (const attribute of ["loading", "decoding", "fetchpriority", "srcset"]) {
      image.removeAttribute(attribute);
    }
  }

  for (const element of all("[id]")) element.id = name(element.id);
  for (const link of all("a[href]")) {
    const url = new URL(link.href);
    if (url.protocol !== "file:") continue;
    const id = decodeURIComponent(url.hash.slice(1));
    url.hash = "";
    const target = names[url.href];
    // Whatever is not in the printed book (the index of names, a file) is named, not linked.
    if (!target) link.replaceWith(...link.childNodes);
    else link.setAttribute("href", `#${target}${id && `-${id}`}`);
  }

  const solutions = [];
  for (const solution of all(".solution")) {
    const address = solution.querySelector(".admonition-title a[href^='#']")?.getAttribute("href");
    const exercise = address && article.ownerDocument.getElementById(address.slice(1));
    if (!exercise) continue;
    const pointer = document.createElement("p");
    pointer.className = "to-solution";
    pointer.innerHTML = `Solution on page <a class="page-number" href="#${solution.id}"></a>`;
    exercise.append(pointer);
    solution.remove();
    solutions.push(solution.outerHTML);
  }

  const heading = article.querySelector("h1");
  // The cover has the title already.
  if (heading.textContent.trim() === bookTitle) heading.textContent = "About this book";
  // "Next" closes each chapter: in the contents it would only be in the way.
  const sections = all("h2").filter((h2) => {
    return h2.closest("section[id]") && h2.textContent.trim() !== "Next";
  });
  return {
    title: heading.textContent.trim(),
    sections: sections.map((h2) => ({
      id: h2.closest("section[id]").id, text: h2.textContent.trim(), html: h2.innerHTML,
    })),
    html: article.innerHTML,
    solutions: solutions.join("\n"),
  };
}
