"use strict";
/* What a page can do besides being read: sliders, figures under a pointer, copying, staying fresh. */
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const kept = new Map(); // where sliders are, by the name of their sample

  /* Sliders between two of the pictures of a sample */
  function sample(box) {
    const stack = box.querySelector(".stack");
    if (!stack) return;
    const slide = stack.querySelector(".slide");
    const layers = [...stack.querySelectorAll(".layer")];
    const label = (layer) => layer.querySelector("figcaption").firstChild.textContent.trim();
    const state = kept.get(box.dataset.sample) || {
      at: Number(slide.value),
      left: label(layers[box.dataset.left]),
      right: label(layers[box.dataset.right]),
      looks: false,
    };
    kept.set(box.dataset.sample, state);

    function place(side) {
      const found = layers.findIndex((layer) => label(layer) === state[side]);
      return found < 0 ? Number(box.dataset[side]) : found;
    }
    function show() {
      const left = place("left");
      const right = place("right");
      layers.forEach((layer, i) => {
        layer.classList.toggle("left", i === left && left !== right);
        layer.classList.toggle("right", i === right);
      });
      if (left === right) layers[right].classList.replace("right", "left");
      stack.style.setProperty("--at", state.at + "%");
      slide.value = state.at;
      slide.setAttribute("aria-valuetext",
        `${label(layers[left])} up to ${Math.round(state.at)} %, then ${label(layers[right])}`);
      box.classList.toggle("looks", state.looks);
      for (const one of box.querySelectorAll("[data-side]")) {
        const chosen = one.dataset.side === "left" ? left : right;
        if (one.tagName === "SELECT") one.value = String(chosen);
        else one.setAttribute("aria-pressed", String(Number(one.dataset.layer) === chosen));
      }
      const look = box.querySelector(".look");
      if (look) look.setAttribute("aria-pressed", String(state.looks));
    }
    function choose(side, layer) {
      state[side] = label(layers[layer]);
      show();
    }
    function follow(event) {
      const around = stack.getBoundingClientRect();
      const part = (event.clientX - around.left) / around.width;
      state.at = Math.min(100, Math.max(0, Math.round(part * 1000) / 10));
      show();
    }
    stack.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      stack.setPointerCapture(event.pointerId);
      slide.focus({ preventScroll: true, focusVisible: false });
      follow(event);
    });
    stack.addEventListener("pointermove", (event) => {
      if (stack.hasPointerCapture(event.pointerId)) follow(event);
    });
    slide.addEventListener("input", () => {
      state.at = Number(slide.value);
      show();
    });
    for (const one of box.querySelectorAll("[data-side]")) {
      if (one.tagName === "SELECT") {
        one.addEventListener("change", () => choose(one.dataset.side, Number(one.value)));
      } else {
        one.addEventListener("click", () => choose(one.dataset.side, Number(one.dataset.layer)));
      }
    }
    const look = box.querySelector(".look");
    if (look) {
      look.addEventListener("click", () => {
        state.looks = !state.looks;
        show();
      });
    }
    show();
  }

  /* Figures of a chart at the step under the pointer, or that the arrow keys go to */
  function written(value, figure) {
    const [kind, digits] = figure.split(" ");
    if (kind === "exponent") return value.toExponential(1);
    if (kind === "percent") return Math.round(100 * value) + "%";
    const text = value.toLocaleString("en", {
      minimumFractionDigits: digits, maximumFractionDigits: digits,
    });
    return (kind === "signed" && value >= 0 ? "+" : "") + text.replace("-", "−");
  }
  function points(path, isLog) {
    const found = path.getAttribute("d").matchAll(/[ML]([-+.\de]+) ([-+.\de]+)/g);
    return [...found].map(([, at, value]) => [Number(at), isLog ? 10 ** value : Number(value)]);
  }
  function nearest(list, step) {
    let low = 0;
    let high = list.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (list[middle][0] < step) low = middle;
      else high = middle;
    }
    return step - list[low][0] <= list[high][0] - step ? low : high;
  }
  function chart(figure) {
    const plot = figure.querySelector(".plot");
    const cursor = plot.querySelector(".cursor");
    const at = figure.querySelector(".at");
    const low = Number(plot.dataset.low);
    const high = Number(plot.dataset.high);
    const items = new Map([...figure.querySelectorAll(".legend li")].map(
      (item) => [item.querySelector("span").textContent, item.querySelector(".value")]));
    const isLog = "log" in figure.dataset;
    let series = null;
    let place = -1;
    const last = new Map([...items].map(([name, box]) => [name, box.textContent]));

    function prepare() {
      series = series || [...plot.querySelectorAll("path[data-name]")]
        .map((path) => ({ box: items.get(path.dataset.name), list: points(path, isLog) }))
        .filter((one) => one.box && one.list.length)
        .sort((one, other) => other.list.length - one.list.length);
      return series.length > 0;
    }
    function show(step) {
      const part = (100 * (step - low)) / (high - low) + "%";
      cursor.setAttribute("x1", part);
      cursor.setAttribute("x2", part);
      plot.classList.add("reads");
      at.textContent = "step " + step.toLocaleString("en");
      for (const one of series) {
        const value = one.list[nearest(one.list, step)][1];
        one.box.textContent = written(value, figure.dataset.figure);
      }
    }
    function go(to) {
      const list = series[0].list;
      place = Math.min(list.length - 1, Math.max(0, to));
      show(list[place][0]);
    }
    function clear() {
      plot.classList.remove("reads");
      at.textContent = "";
      place = -1;
      for (const [name, box] of items) box.textContent = last.get(name);
    }
    function follow(event) {
      if (!prepare()) return;
      const around = plot.getBoundingClientRect();
      const step = low + ((high - low) * (event.clientX - around.left)) / around.width;
      go(nearest(series[0].list, step));
    }
    plot.addEventListener("pointermove", follow);
    plot.addEventListener("pointerdown", follow);
    plot.addEventListener("pointerleave", clear);
    plot.addEventListener("blur", clear);
    plot.addEventListener("keydown", (event) => {
      if (!prepare()) return;
      const end = series[0].list.length - 1;
      const now = place < 0 ? end : place;
      const far = Math.max(1, Math.round(end / 20));
      const to = {
        ArrowLeft: place < 0 ? end : now - 1, ArrowRight: now + 1, Home: 0, End: end,
        PageUp: now - far, PageDown: now + far,
      }[event.key];
      if (event.key === "Escape") clear();
      if (to === undefined) return;
      event.preventDefault();
      at.setAttribute("aria-live", "polite");
      go(to);
    });
  }

  /* A command to the clipboard; where there is none, selected so that it can be copied by hand */
  function copies(button) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "selected";
      }
      setTimeout(() => { button.textContent = "copy"; }, 1600);
    });
  }

  /* How long ago a moment was, where the page says only when */
  function ago(element) {
    const seconds = Math.max(0, Date.now() / 1000 - Number(element.dataset.time));
    const [many, unit] = seconds < 90 ? [seconds, "s"] : seconds < 5400 ? [seconds / 60, "min"]
      : seconds < 129600 ? [seconds / 3600, "h"] : [seconds / 86400, "d"];
    element.textContent = `${Math.round(many)} ${unit} ago`;
  }
  const ages = () => document.querySelectorAll("time[data-time]").forEach(ago);

  function enliven(part) {
    part.querySelectorAll(".sample").forEach(sample);
    part.querySelectorAll(".chart").forEach(chart);
    part.querySelectorAll(".copy").forEach(copies);
    part.querySelectorAll("time[data-time]").forEach(ago);
  }
  enliven(document);

  /* A page from a server takes over the sections that have changed; the rest stays as it is */
  function swap(fresh) {
    const main = document.querySelector("main");
    const sections = [...fresh.querySelectorAll("main > section")];
    const names = new Set(sections.map((each) => each.id));
    for (const old of [...main.children]) if (!names.has(old.id)) old.remove();
    let before = null;
    for (const each of sections) {
      const old = document.getElementById(each.id);
      if (old && old.dataset.digest === each.dataset.digest) {
        before = old;
        continue;
      }
      const own = document.importNode(each, true);
      if (old) {
        for (const open of old.querySelectorAll("details[id]")) {
          const same = [...own.querySelectorAll("details[id]")].find((one) => one.id === open.id);
          if (same) same.open = open.open;
        }
        const focused = old.contains(document.activeElement) ? document.activeElement : null;
        const chosen = [...old.querySelectorAll("input[name=run]:checked")].map((one) => one.value);
        for (const one of own.querySelectorAll("input[name=run]")) one.checked = chosen.includes(one.value);
        const scrolled = [...old.querySelectorAll(".scroll, pre")].map((one) => [one.scrollLeft, one.scrollTop]);
        const where = focused ? [...old.querySelectorAll(focused.tagName)].indexOf(focused) : -1;
        old.replaceWith(own);
        [...own.querySelectorAll(".scroll, pre")].forEach((one, i) => {
          if (scrolled[i]) one.scrollTo(...scrolled[i]);
        });
        if (where >= 0) {
          const same = own.querySelectorAll(focused.tagName)[where];
          if (same) same.focus({ preventScroll: true });
        }
      } else if (before) before.after(own);
      else main.prepend(own);
      enliven(own);
      before = own;
    }
    document.title = fresh.title;
  }
  function say(text) {
    let note = document.getElementById("live");
    if (!text) {
      if (note) note.remove();
      return;
    }
    if (!note) {
      note = document.createElement("p");
      note.id = "live";
      note.setAttribute("role", "status");
      document.body.append(note);
    }
    note.textContent = text;
  }
  if ("live" in root.dataset) {
    let tag = null;
    const every = 3000;
    async function refresh() {
      try {
        const answer = await fetch(location.href, { cache: "no-cache" });
        if (answer.status === 404) say("this run is gone");
        else if (!answer.ok) say("the server has trouble with this page");
        else {
          say("");
          const now = answer.headers.get("etag");
          if (now !== tag) {
            const text = await answer.text();
            swap(new DOMParser().parseFromString(text, "text/html"));
            tag = now;
          }
        }
      } catch {
        say("the server has gone; this page is as it was last");
      }
      ages();
      setTimeout(refresh, document.hidden ? 10 * every : every);
    }
    setTimeout(refresh, every);
    document.addEventListener("visibilitychange", ages);
  }
})();
