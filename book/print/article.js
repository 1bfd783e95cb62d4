// Takes the article out of an open page, made ready to stand with all others in one document.
//
// Returns the article's title and sections, its HTML, and the HTML of its solutions, which the
// printed book has at its end. `name` is put before each id, so that no two pages share one;
// `names` tells the name of each page of the book by its address.
({ name: page, names, bookTitle }) => {
  const article = document.querySelector("article");
  const all = (selector) => [...article.querySelectorAll(selector)];
  const name = (id) => `${page}-${id}`;

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
  const sections = all("h2").filter((h2) => h2.closest("section[id]"));
  return {
    title: heading.textContent.trim(),
    sections: sections.map((h2) => ({
      id: h2.closest("section[id]").id, text: h2.textContent.trim(), html: h2.innerHTML,
    })),
    html: article.innerHTML,
    solutions: solutions.join("\n"),
  };
}
