"use strict";
const search = document.getElementById("search");
const body = document.querySelector("tbody");
if (search && body) {
  const rows = Array.from(body.rows);
  const shown = document.getElementById("shown");
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const find = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    let count = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => texts[at].includes(word));
      count += row.hidden ? 0 : 1;
    });
    shown.textContent = count + " of " + rows.length;
  };
  search.addEventListener("input", find);
  find();
  const order = new Intl.Collator("en", { numeric: true }).compare;
  const headings = Array.from(document.querySelectorAll("thead th"));
  headings.forEach((heading, at) => {
    heading.querySelector("button").addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const text = (row) => row.cells[at].firstChild ? row.cells[at].firstChild.textContent : "";
      const sorted = rows.slice().sort((a, b) => order(text(a), text(b)));
      body.append(...(down ? sorted.reverse() : sorted));
    });
  });
}
