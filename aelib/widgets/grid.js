// Sparse autoencoders trained with several targets and weights: choose one and see what it learned.

function render({ model, el }) {
  const grid = model.get("grid");
  const { rho: targets, sparsity_weight: weights, hidden } = grid.settings;
  const features = unpack(grid.features);
  const rhoHats = unpack(grid.rho_hat);
  const reconstructions = unpack(grid.reconstructions);
  const patches = cut(unpack(grid.patches), 64);
  const controls = [
    slider(model, "rho", "target ρ", { values: targets }),
    slider(model, "sparsity_weight", "sparsity weight λ", { values: weights, show: String }),
  ];

  function draw(width) {
    const rho = model.get("rho");
    const weight = model.get("sparsity_weight");
    const run = targets.indexOf(rho) * weights.length + weights.indexOf(weight);
    const of = (all, size) => all.slice(run * size, (run + 1) * size);
    const rhoHat = of(rhoHats, hidden);
    const returned = cut(of(reconstructions, patches.length * 64), 64);
    const error = grid.error[run];
    const lowest = Math.min(...rhoHat);
    const highest = Math.max(...rhoHat);
    const half = Math.min(width, 300);
    const block = (title, ...children) =>
      html("div", { class: "ae-block" }, html("p", { class: "ae-title" }, title), ...children);
    return {
      elements: [
        block(
          "what excites each unit most",
          mosaic(cut(of(features, hidden * 64), 64), {
            columns: 5,
            width: half,
            label: `The features of the ${hidden} hidden units for ρ = ${rho} and λ = ${weight}.`,
          }),
        ),
        block(
          "six unseen patches, and what comes back",
          mosaic([...patches, ...returned], {
            columns: patches.length,
            width: half,
            label: "Six patches of a photograph, and below each what the network makes of it.",
          }),
          histogram(half, rhoHat, rho),
        ),
      ],
      words:
        `ρ = ${rho}, λ = ${weight}: the mean activations lie between ${number(lowest)} and ${number(highest)}; ` +
        `the relative error on unseen patches is ${number(error, 2)} (1 for answering mid-grey).`,
      numbers: { error, lowest, highest, rhoHat, run },
    };
  }
  return assemble({ model, el, title: "Grid of sparse autoencoders", controls, draw }).stop;
}

// Eight bins a decade, because targets differ by factors.
function histogram(width, rhoHat, rho) {
  const bins = 24;
  const place = (value) => Math.max(-3, Math.log10(value));
  const counts = new Array(bins).fill(0);
  for (const value of rhoHat) {
    counts[Math.min(bins - 1, Math.floor(((place(value) + 3) / 3) * bins))] += 1;
  }
  return plot({
    width,
    height: 170,
    x: [-3, 0],
    y: [0, rhoHat.length],
    xTicks: [[-3, "0.001"], [-2, "0.01"], [-1, "0.1"], [0, "1"]],
    yTicks: [0, 10, 20].map((v) => [v, String(v)]),
    xLabel: "mean activation ρ̂ (dashed: ρ)",
    yLabel: "units",
    label: `A histogram of the ${rhoHat.length} mean activations, on a logarithmic axis.`,
    draw: (toX, toY) => [
      ...counts.map((count, k) =>
        svg("rect", {
          x: toX(-3 + (3 * k) / bins),
          y: toY(count),
          width: toX(-3 + 3 / bins),
          height: toY(0) - toY(count),
          class: "ae-bar ae-first",
        }),
      ),
      line(toX(place(rho)), 0, toX(place(rho)), toY(0), "ae-target"),
    ],
  }).element;
}

export default { render };
