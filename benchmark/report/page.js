// What can be chosen on the page.
(() => {
  const { find, known, fixed, scoreText, make, soft, bar } = elements;
  const data = JSON.parse(document.getElementById("data").textContent);
  const NONE = -1;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

  const onChange = (ids, draw) => ids.forEach((id) => find(id)?.addEventListener("input", draw));

  // The leaderboard.
  let order = { key: "score", down: true };
  const columns = {
    rank: (row) => (known(row.best) ? [row.best, row.worst, -row.mean] : null),
    backbone: (row) => [row.backbone.name.toLowerCase()],
    head: (row) => [row.head],
    shots: (row) => [row.line.s],
    score: (row) => (known(row.mean) ? [row.mean] : null),
    ms: (row) => (known(row.backbone.ms) ? [row.backbone.ms] : null),
    draws: (row) => [row.line.d],
  };
  const falling = ["score", "draws"];

  function rowsOfBoard() {
    const metric = Number(find("board-metric").value);
    const [head, shots] = [find("board-head").value, find("board-shots").value];
    const text = find("board-filter").value.trim().toLowerCase();
    return data.board
      .filter((line) => (head === "every" ? line.v !== NONE && (line.n || !line.v) : line.v === Number(head)))
      .filter((line) => shots === "every" || line.s === Number(shots))
      .filter((line) => data.backbones[line.b].name.toLowerCase().includes(text))
      .map((line) => {
        const [mean, half, best, worst] = line.x[metric];
        const name = line.n === 0 ? "none" : line.v === NONE ? `mean of ${line.n}` : data.heads[line.v];
        const ranked = head !== "every" || line.n;
        return { line, mean, half, head: name, backbone: data.backbones[line.b],
          best: ranked ? best : null, worst: ranked ? worst : null };
      });
  }

  function sorted(rows) {
    const value = columns[order.key];
    const sign = order.down ? -1 : 1;
    return rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (!x || !y) return (x ? 0 : 1) - (y ? 0 : 1);
      const place = x.findIndex((one, i) => one !== y[i]);
      return place < 0 ? 0 : sign * compare(x[place], y[place]);
    });
  }

  const unconverged = (line) =>
    line.u && line.v !== NONE ? [make("br"), make("small", {}, `${line.u} of ${line.d} did not converge`)] : [];

  function drawBoard() {
    const rows = sorted(rowsOfBoard());
    const scored = rows.filter((row) => known(row.mean));
    const low = 10 * Math.floor(Math.max(0, Math.min(...scored.map((r) => r.mean - (r.half || 0)), 90)) / 10);
    const high = 10 * Math.ceil(Math.min(100, Math.max(...scored.map((r) => r.mean + (r.half || 0)), low + 10)) / 10);
    find("board-low").textContent = low;
    find("board-high").textContent = high;
    const metric = data.metrics[Number(find("board-metric").value)];
    find("board-formula").textContent = `${metric.name}: ${metric.formula} (${metric.source}).`;
    const most = Math.max(...rows.map((row) => row.line.n));
    const alike = find("board-head").value !== "every" && rows.every((row) => !row.line.n || row.line.n === most);
    find("board").classList.toggle("one-head", alike);
    find("board").classList.toggle("one-count", find("board-shots").value !== "every");
    const body = rows.map((row) =>
      make("tr", row.best === 1 ? { class: "top" } : {},
        make("td", { class: "n rank" }, !known(row.best) ? "–" : row.best === row.worst ? row.best : `${row.best}–${row.worst}`),
        make("th", { scope: "row" }, ...soft(row.backbone.name), ...(row.backbone.control ? [" ", make("small", {}, "control")] : [])),
        make("td", { class: "head" }, row.head),
        make("td", { class: "n count" }, row.line.s),
        make("td", { class: "n score" }, scoreText(row.mean, row.half), ...unconverged(row.line)),
        make("td", { class: "axis" }, ...(known(row.mean) ? [bar(row, low, high)] : [])),
        make("td", { class: "n" }, fixed(row.backbone.ms, 2)),
        make("td", { class: "n" }, row.line.d)));
    find("board").tBodies[0].replaceChildren(...body);
    find("board-count").textContent = rows.length === 1 ? "1 line" : `${rows.length} lines`;
    for (const header of find("board").querySelectorAll("th[data-key]")) {
      if (header.dataset.key === order.key) header.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
  }

  for (const header of find("board").querySelectorAll("th[data-key]")) {
    header.querySelector("button").addEventListener("click", () => {
      const key = header.dataset.key;
      order = { key, down: order.key === key ? !order.down : falling.includes(key) };
      drawBoard();
    });
  }

  // Which trained heads a choice of head and shots means: one per backbone.
  function group(backbone, head, shots) {
    const there = data.groups.filter((one) => one.b === backbone && one.s === shots);
    if (head !== "best") return there.find((one) => one.h === Number(head) || one.h === NONE);
    return there.filter((one) => known(one.t)).sort((a, b) => b.t - a.t)[0];
  }

  const label = (one) => data.backbones[one.b].name + (one.h === NONE ? "" : `, ${data.heads[one.h]}`);
  const byScore = (a, b) => compare(b.t ?? -1, a.t ?? -1);

  function chosen(prefix, wanted) {
    const [head, shots] = [find(`${prefix}-head`).value, Number(find(`${prefix}-shots`).value)];
    return data.backbones.map((_, b) => group(b, head, shots)).filter((one) => one && wanted(one)).sort(byScore);
  }

  function nameCell(one, head) {
    const tag = head === "best" && one.h !== NONE ? [" ", make("small", {}, data.heads[one.h])] : [];
    return make("th", { scope: "row" }, ...soft(data.backbones[one.b].name), ...tag);
  }

  function drawClasses() {
    const rows = chosen("classes", () => true);
    const best = data.classes.map((_, k) => Math.max(...rows.map((one) => one.c[k][0] ?? -1)));
    find("class-table").tHead.replaceChildren(make("tr", {}, make("th", { scope: "col" }, "Backbone"),
      ...data.classes.map((name) => make("th", { scope: "col" }, name))));
    find("class-table").tBodies[0].replaceChildren(...rows.map((one) =>
      make("tr", {}, nameCell(one, find("classes-head").value), ...one.c.map(([mean, half], k) =>
        make("td", {}, make(mean && mean === best[k] ? "strong" : "b", {}, fixed(mean, 1)), make("span", {}, known(mean) && known(half) ? ` ±${half.toFixed(half < 9.95 ? 1 : 0)}` : ""),
          make("span", { class: "meter" }, make("i", { style: { width: `${mean || 0}%` } })))))));
  }

  function drawConfusion() {
    const shots = Number(find("confusion-shots").value);
    const one = group(Number(find("confusion-backbone").value), find("confusion-head").value, shots);
    const table = find("confusion-table");
    const count = data.classes.length;
    const missing = !one || !one.m;
    table.caption.textContent = missing ? "There are no confusions of this head on this page."
      : `${label(one)}, ${shots} ${shots === 1 ? "shot" : "shots"}`;
    table.tHead.replaceChildren(...(missing ? [] : [make("tr", {}, make("td"),
      ...data.classes.map((name) => make("th", { scope: "col", title: name }, make("span", {}, name))))]));
    table.tBodies[0].replaceChildren(...(missing ? [] : data.classes.map((name, i) =>
      make("tr", {}, make("th", { scope: "row" }, name), ...one.m.slice(i * count, (i + 1) * count).map((share) =>
        make("td", { style: { "--share": (share || 0) / 10 } }, known(share) && share >= 5 ? Math.round(share / 10) : ""))))));
  }

  function tile(strip, place, name, count, kind = "") {
    return make("i", { class: `tile ${kind} strip-${strip}`, role: "img", "aria-label": `${name}, image ${place + 1}`,
      style: { "--place": place, "--count": count, "--all": data.images } });
  }

  function drawPictures() {
    const shown = chosen("pictures", (one) => known(one.p));
    const mean = (i) => {
      const scores = shown.map((one) => one.i[i]).filter(known);
      return scores.length ? scores.reduce((a, b) => a + b) / scores.length : 101;
    };
    const worst = [...Array(data.images).keys()].sort((a, b) => mean(a) - mean(b) || a - b)
      .slice(0, Number(find("pictures-many").value) || data.images);
    const best = find("pictures-head").value === "best";
    const table = find("picture-table");
    table.classList.toggle("errors", find("pictures-show").value === "errors");
    table.tHead.replaceChildren(make("tr", {}, make("td"), ...["image", "truth"].map((name) => make("th", { scope: "col" }, name)),
      ...shown.map((one) => make("th", { scope: "col" }, ...soft(data.backbones[one.b].name), ...(best ? [make("br"), make("small", {}, data.heads[one.h])] : [])))));
    table.tBodies[0].replaceChildren(...worst.map((i) =>
      make("tr", {}, make("th", { scope: "row" }, i + 1), make("td", {}, tile(data.pictures, i, "image", data.images)),
        make("td", { class: "truth" }, tile(data.truth, i, "truth", data.images)), ...shown.map((one) =>
          make("td", {}, ...(i < one.n ? [tile(one.p, i, label(one), one.n, "guess"), fixed(one.i[i], 0)] : []))))));
  }

  document.querySelectorAll(".scripted").forEach((section) => { section.hidden = false; });
  document.querySelectorAll("form").forEach((form) => form.addEventListener("submit", (event) => event.preventDefault()));
  find("confusion-backbone").append(...chosen("confusion", () => true)
    .map((one) => make("option", { value: one.b }, data.backbones[one.b].name)));
  onChange(["board-metric", "board-head", "board-shots", "board-filter"], drawBoard);
  onChange(["classes-head", "classes-shots"], drawClasses);
  onChange(["confusion-backbone", "confusion-head", "confusion-shots"], drawConfusion);
  onChange(["pictures-head", "pictures-shots", "pictures-many", "pictures-show"], drawPictures);
  onChange(["chart-metric"], () => document.querySelectorAll(".drawn").forEach((chart) => {
    chart.hidden = chart.dataset.metric !== find("chart-metric").value;
  }));
  // On paper nothing can be opened.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  drawBoard();
  drawClasses();
  drawConfusion();
  if (find("picture-table")) drawPictures();
})();
