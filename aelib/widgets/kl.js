// The Kullback-Leibler penalty, with its tangent at a point that can be moved, beside the square and L1.

const kl = (rho, q) =>
  Math.max(0, rho * Math.log(rho / q) + (1 - rho) * Math.log((1 - rho) / (1 - q)));
const klSlope = (rho, q) => -rho / q + (1 - rho) / (1 - q);

// Scaled to the divergence's curvature at the target, as in the chapter.
const square = (rho, q) => (q - rho) ** 2 / (2 * rho * (1 - rho));
const squareSlope = (rho, q) => (q - rho) / (rho * (1 - rho));

function render({ model, el }) {
  const controls = [
    slider(model, "rho", "target ρ", { min: 0.01, max: 0.99, step: 0.01 }),
    slider(model, "rho_hat", "mean activation ρ̂", {
      min: 0.001,
      max: 0.999,
      step: 0.001,
      show: (v) => number(v, 3),
    }),
  ];
  let toData;

  function draw(width) {
    const rho = model.get("rho");
    const q = model.get("rho_hat");
    const penalties = [
      { name: "KL", className: "ae-first", value: kl(rho, q), slope: klSlope(rho, q), curve: kl },
      {
        name: "square",
        className: "ae-second ae-dashed",
        value: square(rho, q),
        slope: squareSlope(rho, q),
        curve: square,
      },
      { name: "L1", className: "ae-third ae-dotted", value: q, slope: 1, curve: (_, p) => p },
    ];
    const [divergence, parabola] = penalties;
    const grid = Array.from({ length: 999 }, (_, k) => (k + 1) / 1000);
    const chart = plot({
      width,
      height: 300,
      x: [0, 1],
      y: [-0.4, 3],
      xTicks: [0, 0.2, 0.4, 0.6, 0.8, 1].map((v) => [v, v.toString()]),
      yTicks: [0, 1, 2, 3].map((v) => [v, v.toString()]),
      xLabel: "mean activation ρ̂",
      yLabel: "penalty (nats)",
      label:
        "Three penalties over the mean activation: the divergence, a valley with its bottom at the " +
        "target, with a tangent at the point; a parabola with the same bottom; and a straight line.",
      draw: (toX, toY) => [
        line(toX(rho), toY(-1), toX(rho), toY(3), "ae-target"),
        ...penalties.map(({ className, curve }) =>
          svg("path", {
            class: `ae-curve ${className}`,
            d: path(grid.map((p) => [toX(p), Math.max(-50, toY(curve(rho, p)))])),
          }),
        ),
        // The tangent, from one end of the axis to the other.
        line(
          toX(0),
          toY(divergence.value - divergence.slope * q),
          toX(1),
          toY(divergence.value + divergence.slope * (1 - q)),
          "ae-tangent",
        ),
        svg("circle", { cx: toX(q), cy: toY(parabola.value), r: 4, class: "ae-dot ae-second" }),
        svg("circle", { cx: toX(q), cy: toY(q), r: 4, class: "ae-dot ae-third" }),
        svg("circle", {
          cx: toX(q),
          cy: Math.max(8, toY(divergence.value)),
          r: 8,
          class: "ae-dot ae-first ae-handle",
        }),
      ],
    });
    toData = chart.toData;
    const table = html(
      "table",
      {},
      html(
        "tr",
        {},
        ...["penalty", "value", "slope"].map((words) => html("th", { scope: "col" }, words)),
      ),
      ...penalties.map(({ name, className, value, slope }) =>
        html(
          "tr",
          {},
          html("th", { scope: "row" }, sample(className), name),
          html("td", {}, number(value)),
          html("td", {}, number(slope, 2)),
        ),
      ),
    );
    const direction =
      Math.abs(q - rho) < 1e-9 ? "leaves the unit where it is" : q > rho ? "quietens the unit" : "wakes the unit";
    return {
      elements: [chart.element, table],
      words:
        `At ρ = ${number(rho, 2)} and ρ̂ = ${number(q)} the divergence is ${number(divergence.value)} nats ` +
        `and its slope ${number(divergence.slope, 2)}: gradient descent ${direction}. ` +
        `The square's slope is ${number(parabola.slope, 2)}, that of L1 is 1.`,
      numbers: {
        kl: divergence.value,
        klSlope: divergence.slope,
        square: parabola.value,
        squareSlope: parabola.slope,
      },
    };
  }

  const figure = assemble({ model, el, title: "Kullback-Leibler penalty", controls, draw });
  draggable(figure.stage, (left, top) => {
    const q = Math.min(0.999, Math.max(0.001, toData(left, top)[0]));
    model.set("rho_hat", Math.round(1000 * q) / 1000);
    model.save_changes();
  });
  return figure.stop;
}

// A piece of the line, as the key in front of its name.
function sample(className) {
  return svg(
    "svg",
    { width: 30, height: 10, "aria-hidden": "true" },
    svg("path", { class: `ae-curve ${className}`, d: "M0 5L26 5" }),
  );
}

export default { render };
