// What can be chosen on the pages of a board.
const partbench = (() => {
  const { find, known, fixed, scoreText, make, soft, bar } = elements;
  const data = JSON.parse(find("data").textContent);

  const cell = (kind, ...children) => make("td", kind ? { class: kind } : {}, ...children);
  const pageOf = (page) => `${document.body.dataset.root}backbones/${encodeURIComponent(page)}.html`;

  function nameCell(item) {
    const tags = [...(item.control ? ["control"] : []), ...(item.reproduced ? ["reproduced"] : [])];
    return make("th", { scope: "row" }, make("a", { href: pageOf(item.page) }, ...soft(item.name)),
      ...tags.flatMap((tag) => [" ", make("small", {}, tag)]));
  }

  const sortable = {
    rank: (row) => (known(row.best) ? [row.best, row.worst, -row.mean] : null),
    score: (row) => (known(row.mean) ? [row.mean] : null),
    name: (row) => [row.name.toLowerCase()],
    family: (row) => [row.family.toLowerCase()],
    licence: (row) => [row.licence.toLowerCase()],
    by: (row) => [row.by.toLowerCase(), row.date],
    size: (row) => (known(row.size) ? [row.size] : null),
    ms: (row) => (known(row.ms) ? [row.ms] : null),
    draws: (row) => [row.draws],
    tables: (row) => [row.tables],
  };
  const falling = ["score", "draws", "tables"];
  let order = { key: document.querySelector("#board th[aria-sort]")?.dataset.key, down: !!find("metric") };
  let start = 0;

  // What is not known comes last, whichever way is sorted.
  function sorted(rows) {
    const sign = order.down ? -1 : 1;
    const keyed = rows.map((row) => [sortable[order.key](row), row]);
    keyed.sort(([x], [y]) => {
      if (!x || !y) return (x ? 0 : 1) - (y ? 0 : 1);
      const place = x.findIndex((one, i) => one !== y[i]);
      return place < 0 ? 0 : sign * (x[place] < y[place] ? -1 : 1);
    });
    return keyed.map(([, row]) => row);
  }

  function wanted(item) {
    const text = find("filter").value.trim().toLowerCase();
    const within = (value, most) => most === "" || (known(value) && value <= Number(most));
    return item.name.toLowerCase().includes(text)
      && (!find("family").value || item.family === find("family").value)
      && (!find("licence").value || item.licence === find("licence").value)
      && within(item.size, find("size").value)
      && within(item.ms, find("cost").value)
      && (!find("marked")?.value || item.reproduced);
  }

  function viewRows() {
    const metric = Number(find("metric").value);
    const view = data.views.find((one) => one.head === find("head").value && one.shots === Number(find("shots").value));
    return (view ? view.rows : []).map(([entry, draws, unconverged, ...scores]) => {
      const [mean, half, best, worst] = scores.slice(4 * metric, 4 * metric + 4);
      return { ...entries[entry], draws, unconverged, mean, half, best, worst };
    });
  }

  const entries = (data.entries || []).map(([name, page, family, licence, size, ms, control, by, date, reproduced]) =>
    ({ name, page, family, licence, size, ms, control, by, date, reproduced }));
  const lines = (data.lines || []).map(([name, page, family, licence, size, ms, control, tables]) =>
    ({ name, page, family, licence, size, ms, control, tables }));

  const boardRow = (low, high) => (row) =>
    make("tr", row.best === 1 ? { class: "top" } : {},
      cell("n rank", !known(row.best) ? "–" : row.best === row.worst ? row.best : `${row.best}–${row.worst}`),
      nameCell(row),
      cell("n score", scoreText(row.mean, row.half), ...(row.unconverged
        ? [make("br"), make("small", {}, `${row.unconverged} of ${row.draws} did not converge`)] : [])),
      cell("axis", ...(known(row.mean) ? [bar(row, low, high)] : [])),
      cell("n", fixed(row.size, 2)), cell("n", fixed(row.ms, 2)), cell("n", row.draws), cell("long", row.licence), cell("", `${row.by}, ${row.date}`));

  const lineRow = (line) => make("tr", {}, nameCell(line), cell("", line.family), cell("n", line.tables),
    cell("n", fixed(line.size, 2)), cell("n", fixed(line.ms, 2)), cell("long", line.licence));

  function ends(rows) {
    const scored = rows.filter((row) => known(row.mean));
    const low = 10 * Math.floor(Math.max(0, Math.min(100, ...scored.map((row) => row.mean - (row.half || 0)))) / 10);
    const high = 10 * Math.ceil(Math.min(100, Math.max(0, ...scored.map((row) => row.mean + (row.half || 0)))) / 10);
    return scored.length ? [low, Math.max(low + 10, high)] : [0, 100];
  }

  function draw() {
    const all = find("metric") ? viewRows() : lines;
    const pinned = find("yardsticks") ? all.filter((row) => row.control) : [];
    const others = find("yardsticks") ? all.filter((row) => !row.control) : all;
    const rows = sorted(others.filter(wanted));
    start = Math.min(start, Math.max(0, data.shown * Math.floor((rows.length - 1) / data.shown)));
    const page = rows.slice(start, start + data.shown);
    const [low, high] = ends(all);
    const row = find("metric") ? boardRow(low, high) : lineRow;
    find("yardsticks")?.replaceChildren(...sorted(pinned).map(row));
    find("rows").replaceChildren(...page.map(row));
    if (find("metric")) describe(low, high);
    const beside = pinned.length ? ` and ${pinned.length} control${pinned.length > 1 ? "s" : ""}` : "";
    find("count").textContent = (rows.length > data.shown ? `${start + 1} to ${start + page.length} of ` : "")
      + `${rows.length} ${rows.length === 1 ? "backbone" : "backbones"}${beside}`;
    document.querySelector(".pager").hidden = rows.length <= data.shown;
    find("back").disabled = start === 0;
    find("on").disabled = start + data.shown >= rows.length;
    for (const header of document.querySelectorAll("#board th[data-key]")) {
      if (header.dataset.key === order.key) header.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
  }

  function describe(low, high) {
    const [name, formula, source] = data.metrics[Number(find("metric").value)];
    find("formula").textContent = `${name}: ${formula} (${source}).`;
    const [head, shots] = [find("head").value, find("shots").value];
    find("shown").textContent = `${name}, ${head === "-" ? "no head" : `head ${head}`}, ${shots} ${shots === "1" ? "shot" : "shots"}`;
    find("low").textContent = low;
    find("high").textContent = high;
  }

  function offer(id, items, what) {
    const values = [...new Set(items.map(what))].sort();
    find(id).append(...values.map((value) => make("option", { value }, value)));
  }

  function drawTables() {
    const [text, size] = [find("tables-filter").value.trim().toLowerCase(), find("tables-size").value];
    let shown = 0;
    for (const row of find("tables").tBodies[0].rows) {
      row.hidden = !(row.dataset.name.toLowerCase().includes(text) && (!size || row.dataset.size === size));
      shown += !row.hidden;
    }
    find("tables-count").textContent = `${shown} ${shown === 1 ? "table" : "tables"}`;
  }

  const again = (ids, redraw) => ids.forEach((id) => find(id)?.addEventListener("input", redraw));

  function begin() {
    offer("family", [...entries, ...lines], (item) => item.family);
    offer("licence", [...entries, ...lines], (item) => item.licence);
    again(["metric", "head", "shots", "filter", "family", "licence", "size", "cost", "marked"], () => { start = 0; draw(); });
    for (const header of document.querySelectorAll("#board th[data-key]")) {
      header.querySelector("button").addEventListener("click", () => {
        const key = header.dataset.key;
        order = { key, down: order.key === key ? !order.down : falling.includes(key) };
        start = 0;
        draw();
      });
    }
    find("back").addEventListener("click", () => { start -= data.shown; draw(); });
    find("on").addEventListener("click", () => { start += data.shown; draw(); });
    draw();
    if (!find("tables")) return;
    offer("tables-size", [...find("tables").tBodies[0].rows], (row) => row.dataset.size);
    again(["tables-filter", "tables-size"], drawTables);
    drawTables();
  }

  document.querySelectorAll("form").forEach((form) => form.addEventListener("submit", (event) => event.preventDefault()));
  if (find("board")) begin();
  return { data, find, make, cell, fixed, scoreText };
})();
