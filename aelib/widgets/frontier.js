// What sparsity costs, for five kinds of sparse autoencoder: choose a measure, walk along one kind.

// Colours and marks are those of the chapter's other figures, as far as there are five colours.
const KINDS = {
  kl: { name: "KL", knob: "ρ", className: "ae-first", shape: "square" },
  l1: { name: "L1", knob: "λ", className: "ae-second", shape: "circle" },
  topk: { name: "TopK", knob: "k", className: "ae-third", shape: "triangle" },
  batchtopk: { name: "BatchTopK", knob: "k", className: "ae-fourth", shape: "inverted" },
  jumprelu: { name: "JumpReLU", knob: "λ", className: "ae-neutral", shape: "diamond" },
};
// `short` has to fit a list on a phone.
const MEASURES = {
  fvu: { short: "FVU", words: "variance unexplained (share)", digits: 2 },
  matched: { short: "matched cosine", words: "mean matched cosine", digits: 2 },
  recovered: { short: "share recovered", words: "features recovered (share)", digits: 2 },
  dead: { short: "dead units", words: "dead units (number)", digits: 1 },
};

function render({ model, el }) {
  const lines = model.get("lines");
  const settings = lines.kl.map((_, k) => k);
  const all = Object.values(lines).flat();
  const controls = [
    choice(model, "measure", "show", Object.entries(MEASURES).map(([m, { short }]) => [m, short])),
    choice(model, "kind", "walk along", Object.entries(KINDS).map(([k, { name }]) => [k, name])),
    slider(model, "position", "its setting", {
      values: settings,
      show: (k) => `${KINDS[model.get("kind")].knob} = ${lines[model.get("kind")][k].setting}`,
    }),
  ];

  function draw(width) {
    const measure = model.get("measure");
    const kind = model.get("kind");
    const position = model.get("position");
    const { words, digits } = MEASURES[measure];
    const chosen = lines[kind][position];
    // By its definition of active, none of the KL's units can be dead: there is nothing to compare.
    const compared = measure === "dead" ? Object.keys(KINDS).filter((k) => k !== "kl") : Object.keys(KINDS);
    const most = Math.max(...all.map((run) => run[measure][2]));
    const top = measure === "fvu" || measure === "dead" ? roundUp(most || 1) : 1;
    const log = (value) => Math.log10(value);
    const marks = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];
    const low = Math.min(...all.map((run) => run.l0[1]));
    const high = Math.max(...all.map((run) => run.l0[2]));
    const chart = plot({
      width,
      height: 320,
      x: [log(low) - 0.06, log(high) + 0.06],
      y: [-0.03 * top, 1.04 * top],
      xTicks: marks.filter((v) => v >= low * 0.9 && v <= high * 1.1).map((v) => [log(v), String(v)]),
      yTicks: [0, 0.25, 0.5, 0.75, 1].map((share) => [share * top, String(Number((share * top).toFixed(3)))]),
      xLabel: "L0: active units a sample (logarithmic)",
      yLabel: words,
      label:
        `One line a kind of sparse autoencoder: ${words} over the number of active units. ` +
        "Bars reach from the lowest seed to the highest.",
      draw: (toX, toY) => {
        const at = (run) => [toX(log(run.l0[0])), toY(run[measure][0])];
        // The chosen kind last, so that it lies on top.
        const order = [...compared].sort((a, b) => (a === kind) - (b === kind));
        return order.map((name) =>
          svg(
            "g",
            { class: KINDS[name].className, opacity: name === kind ? 1 : 0.75 },
            svg("path", {
              class: "ae-curve",
              d: path(lines[name].map(at)),
              style: `stroke-width: ${name === kind ? 3 : 1.5}`,
            }),
            ...lines[name].map((run) =>
              svg("path", {
                class: "ae-curve",
                d: path([[at(run)[0], toY(run[measure][1])], [at(run)[0], toY(run[measure][2])]]),
              }),
            ),
            ...lines[name].map((run, k) =>
              marker(KINDS[name].shape, ...at(run), name === kind && k === position ? 8 : 4.5),
            ),
          ),
        );
      },
    });
    const [mean, least, greatest] = chosen[measure];
    const { name, knob } = KINDS[kind];
    const counts = measure === "dead" ? 0 : digits;
    const said = compared.includes(kind)
      ? `${words} ${number(mean, digits)}, from ${number(least, counts)} to ${number(greatest, counts)} ` +
        `over ${chosen.seeds} seeds`
      : `a sigmoid is never 0, so its dead units are not counted; ${chosen.seeds} seeds`;
    return {
      elements: [chart.element, legend()],
      words:
        `${name} with ${knob} = ${chosen.setting}: ${number(chosen.l0[0], 1)} units active a sample; ` +
        `${said}. Variance unexplained ${number(chosen.fvu[0], 2)}, mean matched ` +
        `cosine ${number(chosen.matched[0], 2)}.`,
      numbers: { setting: chosen.setting, l0: chosen.l0[0], mean, least, greatest },
    };
  }

  const figure = assemble({ model, el, title: "Frontier of sparse autoencoders", controls, draw });
  // The slider's words name the kind's knob, so they change with the kind too.
  const rename = controls[2].update;
  model.on("change:kind", rename);
  return () => {
    model.off("change:kind", rename);
    figure.stop();
  };
}

function marker(shape, x, y, r) {
  const corners = {
    square: [[-1, -1], [1, -1], [1, 1], [-1, 1]],
    triangle: [[0, -1.2], [1.1, 0.9], [-1.1, 0.9]],
    diamond: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
    inverted: [[0, 1.2], [1.1, -0.9], [-1.1, -0.9]],
  }[shape];
  if (!corners) return svg("circle", { cx: x, cy: y, r, class: "ae-dot" });
  return svg("path", { class: "ae-dot", d: `${path(corners.map(([u, v]) => [x + r * u, y + r * v]))}Z` });
}

function legend() {
  return html(
    "p",
    { class: "ae-title" },
    ...Object.values(KINDS).flatMap(({ name, className, shape }) => [
      html(
        "span",
        { style: "white-space: nowrap" },
        svg("svg", { width: 14, height: 14, class: className, "aria-hidden": "true" }, marker(shape, 7, 7, 4.5)),
        ` ${name}`,
      ),
      "  ",
    ]),
  );
}

export default { render };
