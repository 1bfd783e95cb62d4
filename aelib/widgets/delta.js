// The delta of one hidden unit, term by term: the slide's form beside the derived one.

function render({ model, el }) {
  const controls = [
    slider(model, "activation", "activation Oᵢ", { min: 0.01, max: 0.99, step: 0.01 }),
    slider(model, "rho", "target ρ", { min: 0.01, max: 0.99, step: 0.01 }),
    slider(model, "rho_hat", "mean activation ρ̂ᵢ", { min: 0.01, max: 0.99, step: 0.01 }),
    slider(model, "sparsity_weight", "sparsity weight λ", {
      min: 0,
      max: 10,
      step: 0.1,
      show: (v) => number(v, 1),
    }),
    slider(model, "n_samples", "samples m", { min: 1, max: 100, step: 1, show: (v) => String(v) }),
    slider(model, "back_propagated", "back-propagated Σ δⱼWᵢⱼ", { min: -0.5, max: 0.5, step: 0.01 }),
  ];

  function draw(width) {
    const o = model.get("activation");
    const rho = model.get("rho");
    const q = model.get("rho_hat");
    const weight = model.get("sparsity_weight");
    const m = model.get("n_samples");
    const back = model.get("back_propagated");

    const local = o * (1 - o);
    const slope = -rho / q + (1 - rho) / (1 - q);
    const penalty = (weight / m) * slope;
    const derived = local * (back + penalty);
    const slide = local * back + penalty;

    const rows = [
      ["back-propagated, Σ δⱼWᵢⱼ", back, "ae-first"],
      ["penalty, (λ/m)·(−ρ/ρ̂ᵢ + (1−ρ)/(1−ρ̂ᵢ))", penalty, "ae-second"],
      ["local gradient, Oᵢ(1−Oᵢ)", local, "ae-neutral"],
      ["δᵢ as derived: the bracket holds both", derived, "ae-third"],
      ["δᵢ as on the slide: bracket closed before λ", slide, "ae-fourth"],
    ];
    // The other samples' activations lie between 0 and 1, which limits the mean.
    const possible = q >= o / m - 1e-12 && q <= 1 - (1 - o) / m + 1e-12;
    return {
      elements: [network(width, { o, q, back, penalty, derived }), bars(width, rows)],
      words:
        `Derived: ${number(local)} · (${number(back)} + ${bracketed(penalty)}) = ${number(derived)}. ` +
        `The slide: ${number(local)} · ${bracketed(back)} + ${bracketed(penalty)} = ${number(slide)}. ` +
        (penalty === 0
          ? "Where the penalty adds nothing, the two agree."
          : `Its penalty term is ${number(1 / local, 1)} times too strong.`) +
        (possible
          ? ""
          : ` (With one activation at ${number(o, 2)}, no batch of ${m} has this mean; the formulas do not mind.)`),
      numbers: { local, slope, penalty, derived, slide },
    };
  }
  return assemble({ model, el, title: "Modified delta", controls, draw }).stop;
}

const bracketed = (value) => (value < 0 ? `(${number(value)})` : number(value));

function arrow(x1, y1, x2, y2, className) {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  const wing = (turn) => [x2 - 9 * Math.cos(angle + turn), y2 - 9 * Math.sin(angle + turn)];
  return svg(
    "g",
    { class: className },
    svg("path", { class: "ae-curve", d: path([[x1, y1], [x2, y2]]) }),
    svg("path", { class: "ae-curve ae-tip", d: path([wing(0.45), [x2, y2], wing(-0.45)]) }),
  );
}

// The unit (darker as it is more active) and what reaches it, from the right as errors travel.
function network(width, { o, q, back, penalty, derived }) {
  const height = 216;
  const left = 0.1 * width;
  const middle = 0.44 * width;
  const right = 0.88 * width;
  const rows = [38, 88, 138];
  const unit = (x, y, className) => svg("circle", { cx: x, cy: y, r: 11, class: className });
  const onRoad = (x, y, words, className) =>
    text(x, y, words, { "text-anchor": "middle", class: `ae-halo ${className}` });
  return picture(
    width,
    height,
    `A hidden unit with activation ${number(o, 2)}. From the output layer it receives ${number(back)}, ` +
      `from the penalty on its mean activation ${number(q, 2)} it receives ${number(penalty)}; ` +
      `it sends the delta ${number(derived)} to its weights.`,
    ...rows.map((y) => line(left, y, middle, 88, "ae-grid")),
    ...rows.map((y) => arrow(right - 12, y, middle + 22, 88 + (y - 88) * 0.16, "ae-first")),
    arrow(right - 34, 190, middle + 16, 106, "ae-second ae-dashed"),
    arrow(middle - 22, 88, left + 16, 88, "ae-third"),
    ...rows.map((y) => unit(left, y, "ae-unit")),
    ...rows.map((y) => unit(right, y, "ae-unit")),
    svg("circle", { cx: middle, cy: 88, r: 20, class: "ae-unit" }),
    svg("circle", { cx: middle, cy: 88, r: 20, class: "ae-level", "fill-opacity": o }),
    svg("rect", { x: right - 34, y: 174, width: 68, height: 32, rx: 6, class: "ae-unit" }),
    text(right, 195, `ρ̂ᵢ = ${number(q, 2)}`, { "text-anchor": "middle" }),
    text(middle, 56, `Oᵢ = ${number(o, 2)}`, { "text-anchor": "middle" }),
    text(left, 16, "inputs", { "text-anchor": "middle" }),
    text(right, 16, "outputs", { "text-anchor": "middle" }),
    onRoad(0.68 * width, 84, number(back), "ae-first-ink"),
    onRoad(0.64 * width, 154, number(penalty), "ae-second-ink"),
    onRoad(0.27 * width, 80, `δᵢ = ${number(derived)}`, "ae-third-ink"),
  );
}

// One bar a term, all on one scale.
function bars(width, rows) {
  const limit = roundUp(Math.max(...rows.map(([, value]) => Math.abs(value)), 0.01));
  const toX = (value) => 10 + ((value + limit) / (2 * limit)) * (width - 20);
  const height = 38 * rows.length + 24;
  return picture(
    width,
    height,
    rows.map(([words, value]) => `${words}: ${number(value)}`).join(". "),
    line(toX(0), 0, toX(0), height - 20, "ae-axis"),
    ...rows.flatMap(([words, value, className], k) => [
      text(10, 38 * k + 14, words, { class: "ae-halo" }),
      svg("rect", {
        x: toX(Math.min(0, value)),
        y: 38 * k + 19,
        width: Math.abs(toX(value) - toX(0)),
        height: 13,
        class: `ae-bar ${className}`,
      }),
      // On the free side of zero, so that it never runs into the bar or out of the picture.
      text(toX(0) + (value < 0 ? 6 : -6), 38 * k + 30, number(value), {
        "text-anchor": value < 0 ? "start" : "end",
      }),
    ]),
    ...[-limit, 0, limit].map((value, k) =>
      text(toX(value), height - 5, number(value, limit < 1 ? 2 : 1), {
        "text-anchor": ["start", "middle", "end"][k],
      }),
    ),
  );
}

export default { render };
