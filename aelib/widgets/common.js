// What the interactive figures share. A figure reaches the browser as one module without imports, so
// Python puts this file in front of the figure's own.

// --- elements ------------------------------------------------------------------------------------

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const html = (tag, attributes = {}, ...children) =>
  fill(document.createElement(tag), attributes, children);

const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const line = (x1, y1, x2, y2, className) => svg("line", { x1, y1, x2, y2, class: className });

const text = (x, y, content, attributes = {}) => svg("text", { x, y, ...attributes }, content);

// "M 0 1 L 2 3" from [[0, 1], [2, 3]]; a tenth of a pixel is exact enough for drawing.
const path = (points) =>
  points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

// --- numbers -------------------------------------------------------------------------------------

// With a real minus sign, and never "−0.00".
function number(value, digits = 3) {
  const rounded = Number(value.toFixed(digits));
  return (rounded < 0 ? "−" : "") + Math.abs(rounded).toFixed(digits);
}

// The inverse of aelib.widgets.packing.pack.
function unpack({ dtype, data }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const kinds = { uint8: Uint8Array, int8: Int8Array, float32: Float32Array, float64: Float64Array };
  return Array.from(new kinds[dtype](bytes.buffer));
}

// A flat array in pieces, one a row.
function cut(values, size) {
  return Array.from({ length: values.length / size }, (_, k) => values.slice(k * size, (k + 1) * size));
}

const sigmoid = (z) => 1 / (1 + Math.exp(-z));

// The smallest of 1, 2, 5, 10, 20 ... times a power of ten that is not below the value.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= value * (1 - 1e-9));
}

// --- controls: native elements, so that keyboard, touch and screen readers work as everywhere ------

function labelled(label, control, shown = "") {
  control.id = `ae-${Math.random().toString(36).slice(2)}`;
  return html("div", { class: "ae-control" }, html("label", { for: control.id }, label), control, shown);
}

// A slider for a number of the model: over a range, or over the given list of values.
function slider(model, name, label, { min, max, step, values, show = (v) => number(v, 2) }) {
  const range = values ? { min: 0, max: values.length - 1, step: 1 } : { min, max, step };
  const input = html("input", { type: "range", ...range });
  const shown = html("span", { class: "ae-value", "aria-hidden": "true" });
  const update = () => {
    const value = model.get(name);
    input.value = values ? values.indexOf(value) : value;
    input.setAttribute("aria-valuetext", show(value));
    shown.textContent = show(value);
  };
  input.addEventListener("input", () => {
    model.set(name, values ? values[Number(input.value)] : Number(input.value));
    model.save_changes();
  });
  return { element: labelled(label, input, shown), name, update };
}

// A list to choose from: [[value, words], ...].
function choice(model, name, label, options) {
  const select = html(
    "select",
    {},
    ...options.map(([value, words], k) => html("option", { value: k }, words)),
  );
  const update = () => {
    select.value = options.findIndex(([value]) => value === model.get(name));
  };
  select.addEventListener("change", () => {
    model.set(name, options[Number(select.value)][0]);
    model.save_changes();
  });
  return { element: labelled(label, select), name, update };
}

// --- a figure ------------------------------------------------------------------------------------

// Put a figure together and keep it up to date: `draw(width)` returns the elements to show and says
// in words what they show; the numbers go to data attributes, unrounded, for whoever wants to check.
function assemble({ model, el, title, controls, extra = [], draw }) {
  const stage = html("div", { class: "ae-stage" });
  const says = html("p", { class: "ae-says", role: "status" });
  const panel = html("div", { class: "ae-controls" }, ...controls.map((c) => c.element), ...extra);
  const root = html("div", { class: "ae-figure", role: "group", "aria-label": title }, stage, panel, says);
  // Else JupyterLab takes the arrow keys and Enter for its own commands.
  for (const control of panel.querySelectorAll("input, select, button")) {
    control.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  el.append(root);

  let width = 0;
  const redraw = () => {
    if (width === 0) return; // not laid out yet
    const { elements, words, numbers } = draw(width);
    stage.replaceChildren(...elements);
    says.textContent = words;
    for (const [name, value] of Object.entries(numbers)) {
      root.dataset[name] = typeof value === "object" ? JSON.stringify(value) : String(value);
    }
  };
  const changed = controls.map(({ name, update }) => [
    `change:${name}`,
    () => {
      update();
      redraw();
    },
  ]);
  controls.forEach(({ update }) => update());
  changed.forEach(([event, listener]) => model.on(event, listener));
  // Drawn for the width that there is, so that letters keep their size on a phone.
  const observer = new ResizeObserver(() => {
    const available = Math.floor(Math.min(stage.clientWidth, 640));
    if (available === width) return;
    width = available;
    redraw();
  });
  observer.observe(stage);
  const stop = () => {
    observer.disconnect();
    changed.forEach(([event, listener]) => model.off(event, listener));
  };
  return { stage, redraw, stop };
}

// A picture for the eye, with its description for everyone else.
const picture = (width, height, label, ...children) =>
  svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, ...children);

// Axes: `draw` receives the functions from data to pixels; what it returns is cut off at the edges.
function plot({ width, height, x, y, xTicks, yTicks, xLabel, yLabel, label, draw }) {
  const edge = { left: 48, right: 10, top: 10, bottom: 42 };
  const inner = { width: width - edge.left - edge.right, height: height - edge.top - edge.bottom };
  const toX = (value) => ((value - x[0]) / (x[1] - x[0])) * inner.width;
  const toY = (value) => inner.height - ((value - y[0]) / (y[1] - y[0])) * inner.height;
  const inside = svg("svg", { ...inner, overflow: "hidden" }, ...draw(toX, toY));
  const outside = svg("g", {});
  for (const [value, words] of xTicks) {
    outside.append(
      line(toX(value), inner.height, toX(value), inner.height + 4, "ae-axis"),
      text(toX(value), inner.height + 18, words, { "text-anchor": "middle" }),
    );
  }
  for (const [value, words] of yTicks) {
    inside.prepend(line(0, toY(value), inner.width, toY(value), "ae-grid"));
    outside.append(text(-6, toY(value) + 4, words, { "text-anchor": "end" }));
  }
  outside.append(
    line(0, inner.height, inner.width, inner.height, "ae-axis"),
    line(0, 0, 0, inner.height, "ae-axis"),
    text(inner.width / 2, inner.height + 37, xLabel, { "text-anchor": "middle" }),
    text(0, 0, yLabel, {
      "text-anchor": "middle",
      transform: `translate(-36 ${inner.height / 2}) rotate(-90)`,
    }),
  );
  return {
    element: picture(
      width,
      height,
      label,
      svg("g", { transform: `translate(${edge.left} ${edge.top})` }, inside, outside),
    ),
    // From a place on the screen, relative to the picture's corner, to data.
    toData: (left, top) => [
      x[0] + ((left - edge.left) / inner.width) * (x[1] - x[0]),
      y[1] - ((top - edge.top) / inner.height) * (y[1] - y[0]),
    ],
  };
}

// Let a point follow the pointer. Only a touch that begins on the point itself (class "ae-handle")
// drags it; any other finger scrolls the page, and a tap sets the point down there.
function draggable(stage, move) {
  const at = (event) => {
    const corner = stage.firstElementChild.getBoundingClientRect();
    move(event.clientX - corner.left, event.clientY - corner.top);
  };
  const onPicture = (event) => stage.firstElementChild.contains(event.target);
  let dragging = false;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !onPicture(event)) return;
    if (event.pointerType === "touch" && !event.target.classList.contains("ae-handle")) return;
    dragging = true;
    stage.setPointerCapture(event.pointerId);
    event.preventDefault(); // no text selection
    at(event);
  });
  stage.addEventListener("pointermove", (event) => dragging && at(event));
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, () => {
      dragging = false;
    });
  }
  stage.addEventListener("click", (event) => onPicture(event) && at(event));
}

// Grey pixels, `columns` small square pictures a row with a line between them; values from 0 to 255.
// A canvas, because hundreds of rectangles that mean nothing by themselves would only slow a page.
function mosaic(pictures, { columns, size = 8, width, label }) {
  const rows = Math.ceil(pictures.length / columns);
  const canvas = html("canvas", { role: "img", "aria-label": label, class: "ae-pixels" });
  canvas.width = columns * (size + 1) - 1;
  canvas.height = rows * (size + 1) - 1;
  canvas.style.width = `${width}px`;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  pictures.forEach((values, k) => {
    const left = (k % columns) * (size + 1);
    const top = Math.floor(k / columns) * (size + 1);
    values.forEach((value, i) => {
      const at = 4 * ((top + Math.floor(i / size)) * canvas.width + left + (i % size));
      image.data.set([value, value, value, 255], at);
    });
  });
  context.putImageData(image, 0, 0);
  return canvas;
}
