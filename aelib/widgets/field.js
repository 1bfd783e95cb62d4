// The field of the best denoiser: every arrow goes from a place to the posterior mean there.

// The training points, each weighted by how likely noise led from it to this place. The largest
// exponent is taken out first: far away all densities round to 0, and 0/0 is no answer.
function posteriorMean([x, y], points, sigma) {
  const exponents = points.map(([a, b]) => -((x - a) ** 2 + (y - b) ** 2) / (2 * sigma * sigma));
  const largest = exponents.reduce((a, b) => Math.max(a, b));
  let sum = 0;
  let meanX = 0;
  let meanY = 0;
  points.forEach(([a, b], k) => {
    const weight = Math.exp(exponents[k] - largest);
    sum += weight;
    meanX += weight * a;
    meanY += weight * b;
  });
  return [meanX / sum, meanY / sum];
}

const END = 1.4; // the picture shows -END to END in both directions

function render({ model, el }) {
  const flat = unpack(model.get("points"));
  const points = Array.from({ length: flat.length / 2 }, (_, k) => [flat[2 * k], flat[2 * k + 1]]);
  const coordinate = { min: -END, max: END, step: 0.01 };
  const controls = [
    slider(model, "sigma", "noise level σ", { min: 0.02, max: 0.8, step: 0.01 }),
    slider(model, "n_steps", "steps of the walk", { min: 0, max: 60, step: 1, show: String }),
    slider(model, "start_x", "start, first coordinate", coordinate),
    slider(model, "start_y", "start, second coordinate", coordinate),
  ];
  let toData;

  function draw(width) {
    const sigma = model.get("sigma");
    const walk = [[model.get("start_x"), model.get("start_y")]];
    for (let k = 0; k < model.get("n_steps"); k += 1) {
      walk.push(posteriorMean(walk[walk.length - 1], points, sigma));
    }
    const end = walk[walk.length - 1];
    const first = Math.hypot(...(walk[1] ?? end).map((value, k) => value - walk[0][k]));
    const side = Math.min(width, 480);
    const ticks = [-1, 0, 1].map((v) => [v, number(v, 0)]);
    const chart = plot({
      width: side,
      height: side,
      x: [-END, END],
      y: [-END, END],
      xTicks: ticks,
      yTicks: ticks,
      xLabel: "first coordinate",
      yLabel: "second coordinate",
      label:
        "Training points on a curve, a field of arrows from a grid of places to the best denoiser's " +
        "answers, and a walk along the arrows from the start.",
      draw: (toX, toY) => {
        const at = ([x, y]) => [toX(x), toY(y)];
        return [
          svg("path", {
            class: "ae-points",
            d: points.map((p) => `${path([at(p)])}h0`).join(""),
          }),
          svg("path", { class: "ae-arrows", d: arrows(points, sigma, at) }),
          svg("path", { class: "ae-curve ae-second", d: path(walk.map(at)) }),
          ...walk
            .slice(1)
            .map(at)
            .map(([cx, cy]) => svg("circle", { cx, cy, r: 3, class: "ae-step ae-second" })),
          svg("circle", { cx: toX(walk[0][0]), cy: toY(walk[0][1]), r: 9, class: "ae-dot ae-second ae-handle" }),
        ];
      },
    });
    toData = chart.toData;
    return {
      elements: [chart.element],
      words:
        `σ = ${number(sigma, 2)}: from (${walk[0].map((v) => number(v, 2)).join(", ")}) the first step is ` +
        `${number(first, 2)} long; after ${walk.length - 1} steps the walk is at ` +
        `(${end.map((v) => number(v, 2)).join(", ")}).`,
      numbers: { walk },
    };
  }

  const figure = assemble({ model, el, title: "Vector field of a denoiser", controls, draw });
  draggable(figure.stage, (left, top) => {
    const [x, y] = toData(left, top).map((v) => Math.round(100 * Math.min(END, Math.max(-END, v))) / 100);
    model.set("start_x", x);
    model.set("start_y", y);
    model.save_changes();
  });
  return figure.stop;
}

// All arrows as one path. Those longer than the spacing of their places are cut to it.
function arrows(points, sigma, at) {
  const n = 19;
  const spacing = (2 * END) / n;
  const middle = (k) => -END + (k + 0.5) * spacing;
  let all = "";
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      const place = [middle(i), middle(j)];
      const [dx, dy] = posteriorMean(place, points, sigma).map((value, k) => value - place[k]);
      const length = Math.hypot(dx, dy);
      const scale = Math.min(1, (0.9 * spacing) / length);
      const from = at(place);
      const tip = at([place[0] + scale * dx, place[1] + scale * dy]);
      const long = Math.hypot(tip[0] - from[0], tip[1] - from[1]);
      if (long < 1) continue;
      const angle = Math.atan2(tip[1] - from[1], tip[0] - from[0]);
      const wing = (turn) => [
        tip[0] - 0.4 * long * Math.cos(angle + turn),
        tip[1] - 0.4 * long * Math.sin(angle + turn),
      ];
      all += path([from, tip]) + path([wing(0.5), tip, wing(-0.5)]);
    }
  }
  return all;
}

export default { render };
