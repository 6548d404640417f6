"use strict";
// Draws the latent map, and shows the example under the pointer. Makes no network requests.
(() => {
  const map = JSON.parse(document.getElementById("map-data").textContent);
  const canvas = document.getElementById("map");
  const frame = canvas.parentElement;
  const tip = document.getElementById("map-tip");
  const thumbnail = document.getElementById("map-thumbnail");
  const words = document.getElementById("map-words");
  const legend = document.getElementById("map-legend");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const PADDING = 18, REACH = 16, RADIUS = map.points.length > 600 ? 3 : 4.2;
  const sorted = [...map.errors].sort((a, b) => a - b);
  const state = { by: map.labels ? "label" : "error", label: null, near: null };
  let sprite = null, places = [];

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const hue = (label) => {
    const count = map.names.length, lightness = dark.matches ? 68 : 44;
    const angle = (label * (count > 10 ? 137.508 : 360 / count) + 215) % 360;
    return `hsl(${angle} ${label % 2 ? 58 : 74}% ${lightness + (label % 2 ? 6 : 0)}%)`;
  };
  const heat = (error) => {
    const rank = sorted.findIndex((value) => value >= error) / Math.max(sorted.length - 1, 1);
    return `hsl(${215 - 195 * rank} 72% ${dark.matches ? 64 : 46}%)`;
  };
  const color = (i) => (state.by === "label" ? hue(map.labels[i]) : heat(map.errors[i]));

  function draw() {
    const ratio = window.devicePixelRatio || 1, width = frame.clientWidth;
    const height = Math.round(Math.min(width * 0.62, 620));
    canvas.style.height = `${height}px`;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const xs = map.points.map((p) => p[0]), ys = map.points.map((p) => p[1]);
    const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
    const [y0, y1] = [Math.min(...ys), Math.max(...ys)];
    const across = (width - 2 * PADDING) / (x1 - x0 || 1);
    const down = (height - 2 * PADDING) / (y1 - y0 || 1);
    const scale = Math.min(across, down);
    places = map.points.map(([x, y]) => [
      width / 2 + (x - (x0 + x1) / 2) * scale,
      height / 2 - (y - (y0 + y1) / 2) * scale,
    ]);
    const fadedPoints = [], otherPoints = [];
    map.points.forEach((_, i) => {
      const faded = state.label !== null && map.labels[i] !== state.label;
      (faded ? fadedPoints : otherPoints).push(i);
    });
    pen.globalAlpha = 0.1;
    fadedPoints.forEach((i) => dot(pen, i, RADIUS));
    pen.globalAlpha = 0.82;
    otherPoints.forEach((i) => dot(pen, i, RADIUS));
    pen.globalAlpha = 1;
    if (state.near !== null) {
      dot(pen, state.near, RADIUS + 2.5);
      pen.lineWidth = 2;
      pen.strokeStyle = style("--ink");
      pen.stroke();
    }
  }

  function dot(pen, i, radius) {
    pen.beginPath();
    pen.arc(places[i][0], places[i][1], radius, 0, 2 * Math.PI);
    pen.fillStyle = color(i);
    pen.fill();
  }

  function nearest(x, y) {
    let best = null, least = REACH * REACH;
    places.forEach(([px, py], i) => {
      if (state.label !== null && map.labels[i] !== state.label) return;
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [best, least] = [i, distance];
    });
    return best;
  }

  function show(i) {
    if (i === state.near) return;
    state.near = i;
    tip.hidden = i === null;
    draw();
    if (i === null) return;
    const lines = [map.ids[i], `error ${map.errors[i]}`];
    if (map.labels) lines.unshift(map.names[map.labels[i]]);
    words.replaceChildren(...lines.map((text, line) => {
      const part = document.createElement(line || !map.labels ? "span" : "b");
      part.textContent = text;
      return part;
    }));
    paint(i);
    const [x, y] = places[i], wide = tip.offsetWidth, high = tip.offsetHeight;
    const left = x + 16 + wide > frame.clientWidth ? x - 16 - wide : x + 16;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.min(Math.max(4, y - high / 2), canvas.clientHeight - high - 4)}px`;
  }

  function paint(i) {
    thumbnail.hidden = !sprite;
    if (!sprite) return;
    const { width, height, columns } = map;
    const scale = Math.max(1, Math.round(84 / Math.max(width, height)));
    thumbnail.width = width * scale;
    thumbnail.height = height * scale;
    const pen = thumbnail.getContext("2d");
    pen.imageSmoothingEnabled = false;
    const left = (i % columns) * width, top = Math.floor(i / columns) * height;
    pen.drawImage(sprite, left, top, width, height, 0, 0, width * scale, height * scale);
  }

  function choose(by, label) {
    Object.assign(state, { by, label });
    legend.querySelectorAll("button").forEach((button) => {
      const isPressed = button.dataset.by === by && button.dataset.label === String(label ?? "");
      button.setAttribute("aria-pressed", String(isPressed));
    });
    draw();
  }

  function button(text, by, label) {
    const element = document.createElement("button");
    element.type = "button";
    element.dataset.by = by;
    element.dataset.label = label ?? "";
    if (label !== null) {
      const swatch = document.createElement("i");
      swatch.dataset.label = label;
      element.append(swatch);
    }
    element.append(text);
    element.addEventListener("click", () => choose(by, state.label === label ? null : label));
    legend.append(element);
  }

  function recolor() {
    legend.querySelectorAll("i").forEach((swatch) => {
      swatch.style.background = hue(Number(swatch.dataset.label));
    });
    draw();
  }

  if (map.labels) {
    button("by label", "label", null);
    button("by error", "error", null);
    if (map.names.length <= 24) map.names.forEach((name, label) => button(name, "label", label));
  }
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    show(nearest(event.clientX - box.left, event.clientY - box.top));
  });
  canvas.addEventListener("pointerleave", () => show(null));
  dark.addEventListener("change", recolor);
  new ResizeObserver(draw).observe(frame);
  if (map.sprite) {
    const picture = new Image();
    picture.addEventListener("load", () => { sprite = picture; });
    picture.src = map.sprite;
  }
  recolor();
  choose(state.by, null);
})();
