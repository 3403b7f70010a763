"use strict";
// Headings of sortable tables become buttons; rows follow their cells' data-key.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const key = (row, column) => Number(row.cells[column].dataset.key ?? -Infinity);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = column === 0 || !head.classList.contains("r") ? "ascending" : "descending";
      const other = first === "ascending" ? "descending" : "ascending";
      const way = head.getAttribute("aria-sort") === first ? other : first;
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", way);
      const sign = way === "ascending" ? 1 : -1;
      const compared = (a, b) => Math.sign(key(a, column) - key(b, column)) || 0;
      body.append(...[...body.rows].sort((a, b) => sign * compared(a, b)));
    });
  });
}
for (const said of document.querySelectorAll(".sorts")) said.hidden = false;
