"use strict";
// Names the core under the pointer, under the arrow keys or in the number field.
for (const box of document.querySelectorAll("[data-plan]")) {
  const plan = JSON.parse(box.querySelector("script").textContent);
  const picture = box.querySelector(".screen svg");
  const mark = picture.querySelector(".mark");
  const inspect = box.querySelector(".inspect");
  const field = inspect.querySelector("input");
  const said = inspect.querySelector("dl");
  const at = new Map(plan.x.map((x, core) => [plan.y[core] * plan.columns + x, core]));
  const text = (value) => value.toLocaleString("en");

  const line = (name, value) => {
    const row = document.createElement("div");
    row.append(document.createElement("dt"), document.createElement("dd"));
    row.firstChild.textContent = name;
    row.lastChild.textContent = value;
    said.append(row);
  };
  const show = (core) => {
    const x = plan.x[core], y = plan.y[core];
    field.value = core;
    mark.setAttribute("x", x - mark.dataset.margin);
    mark.setAttribute("y", y - mark.dataset.margin);
    mark.setAttribute("visibility", "visible");
    said.replaceChildren();
    line("place", `(${x}, ${y})`);
    if (plan.held.length) line("holds", plan.layers[plan.held[core]]);
    for (const fact of plan.facts) {
      const of = fact.allowed === null ? "" : ` of ${text(fact.allowed)}`;
      line(fact.name, text(fact.values[core]) + of);
    }
    if (plan.links) {
      const { wide, tall, across, values, name } = plan.links;
      line(name, text(values[Math.floor(y / tall) * across + Math.floor(x / wide)]));
    }
  };
  const point = (event) => {
    const place = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(picture.getScreenCTM().inverse());
    const x = Math.floor(place.x), y = Math.floor(place.y);
    const core = x < 0 || x >= plan.columns ? undefined : at.get(y * plan.columns + x);
    if (core !== undefined && core !== Number(field.value)) show(core);
  };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const step = (event) => {
    const way = steps[event.key];
    if (!way) return;
    event.preventDefault();
    let x = plan.x[field.value] + way[0], y = plan.y[field.value] + way[1];
    for (; x >= 0 && y >= 0 && x < plan.columns && y < plan.rows; x += way[0], y += way[1]) {
      const core = at.get(y * plan.columns + x);
      if (core !== undefined) return show(core);
    }
  };
  picture.addEventListener("pointermove", point);
  picture.addEventListener("pointerdown", point);
  picture.addEventListener("keydown", step);
  picture.setAttribute("tabindex", "0");
  field.addEventListener("input", () => {
    const core = Number(field.value);
    if (field.value !== "" && Number.isInteger(core) && core >= 0 && core < plan.x.length) show(core);
  });
  inspect.hidden = false;
  show(0);
}
