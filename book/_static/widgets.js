// Brings the interactive figures of a page to life, without a kernel, a server or a library.
//
// myst-nb leaves in the page the state of all widgets, as JSON, and a mark where each is to appear.
// An anywidget carries its JavaScript in its state; all that it asks of the page is an element to
// draw in and a model with get, set, on, off and save_changes. The still picture of the same thing
// stays for print, and on the screen too if anything here fails.
(() => {
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

  function makeModel(state) {
    const listeners = new Map();
    return {
      get: (name) => state[name],
      set(name, value) {
        if (state[name] === value) return;
        state[name] = value;
        for (const listener of [...(listeners.get(`change:${name}`) ?? [])]) listener();
      },
      on(event, listener) {
        listeners.set(event, [...(listeners.get(event) ?? []), listener]);
      },
      off(event, listener) {
        listeners.set(event, (listeners.get(event) ?? []).filter((other) => other !== listener));
      },
      save_changes() {}, // there is no kernel to tell
    };
  }

  async function show(view, { _esm, _css, ...state }) {
    const place = document.createElement("div");
    place.className = "live-figure";
    const style = document.createElement("style");
    style.textContent = _css;
    document.head.append(style);
    // The still picture is that of the cell before; its caption serves both.
    const figure = view.closest(".cell")?.previousElementSibling?.querySelector("figure");
    if (figure) figure.prepend(place);
    else view.after(place);
    try {
      const address = URL.createObjectURL(new Blob([_esm], { type: "text/javascript" }));
      const module = await import(address);
      URL.revokeObjectURL(address);
      await module.default.render({ model: makeModel(state), el: place });
      figure?.classList.add("is-live");
      // A picture that is not shown would not be fetched, and be missing when the page is printed.
      for (const still of figure?.querySelectorAll("img") ?? []) still.loading = "eager";
    } catch (error) {
      place.remove();
      console.error("an interactive figure could not be shown", error);
    }
  }

  function start() {
    const states = {};
    for (const script of document.querySelectorAll(STATE)) {
      Object.assign(states, JSON.parse(script.textContent).state);
    }
    for (const view of document.querySelectorAll(VIEW)) {
      const found = states[JSON.parse(view.textContent).model_id];
      if (found?.state._esm) show(view, found.state);
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
