// A digit, spoiled; and what trained networks make of it.

const KINDS = [
  ["gaussian", "Gaussian noise"],
  ["masking", "masking noise"],
  ["salt_and_pepper", "salt-and-pepper noise"],
];

// aelib.corruption, with the random numbers drawn beforehand.
const corrupt = {
  gaussian: (x, level, { normal }) => x.map((v, k) => v + level * normal[k]),
  masking: (x, level, { uniform }) => x.map((v, k) => (uniform[k] < level ? 0 : v)),
  salt_and_pepper: (x, level, { uniform }) =>
    x.map((v, k) => (uniform[k] < level / 2 ? 0 : uniform[k] < level ? 1 : v)),
};

// sigmoid(x W + b); the weights are whole numbers, with a scale for each column.
function layer(x, { weight, scale, bias }) {
  return bias.map((b, j) => {
    let z = b;
    for (let i = 0; i < x.length; i += 1) z += x[i] * (weight[i * bias.length + j] * scale[j]);
    return sigmoid(z);
  });
}

const halfSquare = (a, b) => 0.5 * a.reduce((sum, v, k) => sum + (v - b[k]) ** 2, 0);

function render({ model, el }) {
  const rows = (packed) => cut(unpack(packed), 64);
  const digits = rows(model.get("digits"));
  const normal = rows(model.get("normal"));
  const uniform = rows(model.get("uniform"));
  const unpackLayer = (packed) =>
    Object.fromEntries(Object.entries(packed).map(([name, value]) => [name, unpack(value)]));
  const networks = model
    .get("networks")
    .map(({ name, encoder, decoder }) => [name, unpackLayer(encoder), unpackLayer(decoder)]);

  const controls = [
    choice(model, "digit", "digit", digits.map((_, k) => [k, model.get("labels")[k]])),
    choice(model, "kind", "spoiled by", KINDS),
    slider(model, "level", "level", { min: 0, max: 0.8, step: 0.05 }),
    choice(model, "network", "network trained on", networks.map(([name], k) => [k, name])),
    { name: "draw", update: () => {} },
  ];
  controls[4].element = html("button", { type: "button" }, "Draw the noise anew");
  controls[4].element.addEventListener("click", () => {
    model.set("draw", (model.get("draw") + 1) % normal.length);
    model.save_changes();
  });

  function draw(width) {
    const x = digits[model.get("digit")];
    const noise = { normal: normal[model.get("draw")], uniform: uniform[model.get("draw")] };
    const corrupted = corrupt[model.get("kind")](x, model.get("level"), noise);
    const [name, encoder, decoder] = networks[model.get("network")];
    const repaired = layer(layer(corrupted, encoder), decoder);
    const before = halfSquare(x, corrupted);
    const after = halfSquare(x, repaired);
    const size = Math.min(150, Math.floor((width - 24) / 3));
    const show = (title, values, label) =>
      html(
        "div",
        { class: "ae-block" },
        html("p", { class: "ae-title" }, title),
        mosaic([values.map((v) => 255 * Math.min(1, Math.max(0, v)))], { columns: 1, width: size, label }),
      );
    const digit = model.get("labels")[model.get("digit")];
    return {
      elements: [
        show("clean", x, `A handwritten ${digit}.`),
        show("spoiled", corrupted, `The same ${digit} with noise; loss ${number(before, 2)}.`),
        show("repaired", repaired, `What the network makes of it; loss ${number(after, 2)}.`),
      ],
      words:
        `Half the squared distance to the clean digit: ${number(before, 2)} before, ${number(after, 2)} ` +
        `after the network trained on ${name}. ` +
        (after < before ? "It helps." : "It does harm."),
      numbers: { before, after, corrupted, repaired },
    };
  }
  return assemble({ model, el, title: "Denoising of a digit", controls, draw }).stop;
}

export default { render };
