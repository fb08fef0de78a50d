"use strict";
// Compares two backbones as partbench does (metrics/estimate.py, metrics/significance.py), from the scores of every
// draw and the influence of every image; tests hold these numbers against those of Python.
partbench.compare = (() => {
  const { data, find, make, cell, fixed, scoreText } = partbench;
  const LEVEL = 0.95;
  const NO_HEAD = "-";
  const taken = new Map();
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const squares = (values) => values.reduce((a, b) => a + b * b, 0);

  // The logarithm of the gamma function (Lanczos).
  function logGamma(x) {
    const series = [76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155,
      0.1208650973866179e-2, -0.5395239384953e-5].reduce((sum, c, i) => sum + c / (x + 1 + i), 1.000000000190015);
    return (x + 0.5) * Math.log(x + 5.5) - x - 5.5 + Math.log((2.5066282746310005 * series) / x);
  }

  // The continued fraction of the incomplete beta function (Lentz).
  function fraction(a, b, x) {
    const safe = (value) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
    let [c, d] = [1, 1 / safe(1 - ((a + b) * x) / (a + 1))];
    let value = d;
    for (let m = 1; m < 20000; m += 1) {
      for (const step of [(m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
        (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))]) {
        d = 1 / safe(1 + step * d);
        c = safe(1 + step / c);
        value *= d * c;
      }
      if (Math.abs(d * c - 1) < 1e-14) break;
    }
    return value;
  }

  function beta(a, b, x) {
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
    return x < (a + 1) / (a + b + 2) ? (front * fraction(a, b, x)) / a : 1 - (front * fraction(b, a, 1 - x)) / b;
  }

  // Student's t: the share beyond |t| on both sides; a million degrees of freedom are as good as any number of them.
  function beyond(t, freedom) {
    const df = Math.min(freedom, 1e6);
    return beta(df / 2, 0.5, df / (df + t * t));
  }

  function quantile(freedom, share) {
    let [low, high] = [0, 1e6];
    for (let i = 0; i < 200 && high - low > 1e-12 * high; i += 1) {
      const middle = (low + high) / 2;
      if (beyond(middle, freedom) > share) low = middle;
      else high = middle;
    }
    return high;
  }

  function unpack(one) {
    const bytes = Uint8Array.from(atob(one.influence), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const row = (i) => Array.from({ length: one.images }, (_, n) => view.getInt16(2 * (i * one.images + n), true) * one.step);
    return { ...one, influence: one.draws.map((_, i) => row(i)) };
  }

  // b less a, on the draws that both have.
  function difference(a, b) {
    const draws = a.draws.filter((draw) => b.draws.includes(draw));
    const rows = draws.map((draw) => [a.draws.indexOf(draw), b.draws.indexOf(draw)]);
    const scores = rows.map(([i, j]) => b.scores[j] - a.scores[i]);
    const influence = rows.map(([i, j]) => b.influence[j].map((value, n) => value - a.influence[i][n]));
    return { draws, scores, mean: mean(scores), a: mean(rows.map(([i]) => a.scores[i])),
      b: mean(rows.map(([, j]) => b.scores[j])), ...chance(scores, influence) };
  }

  // The standard error and its degrees of freedom, see metrics/estimate.py.
  function chance(scores, influence) {
    const [draws, images] = [scores.length, influence[0].length];
    const moves = influence.map((row) => { const middle = mean(row); return row.map((value) => value - middle); });
    const common = moves[0].map((_, n) => mean(moves.map((row) => row[n])));
    const byImages = images > 1 ? squares(common) / (images * (images - 1)) : draws > 1 ? 0 : NaN;
    if (draws < 2) return { error: Math.sqrt(byImages), freedom: byImages > 0 ? Math.max(1, images - 1) : Infinity };
    const middle = mean(scores);
    const byDraws = squares(scores.map((score) => score - middle)) / (draws - 1) / draws;
    const both = mean(moves.map((row) => squares(row.map((value, n) => value - common[n])))) * draws
      / ((draws - 1) * Math.max(1, images - 1)) / (draws * images);
    const parts = byDraws ** 2 / (draws - 1) + byImages ** 2 / Math.max(1, images - 1);
    return { error: Math.sqrt(Math.max(byDraws + byImages - both, byDraws, byImages)),
      freedom: byDraws + byImages > 0 ? (byDraws + byImages) ** 2 / parts : Infinity };
  }

  // All differences of a table tested together: shared degrees of freedom, Holm's correction.
  function test(pairs) {
    const found = pairs.map((pair) => ({ ...pair, ...difference(pair.one, pair.other) }));
    const inverse = found.filter((one) => one.error).map((one) => 1 / one.freedom);
    const freedom = inverse.some((value) => value) ? 1 / mean(inverse) : Infinity;
    for (const one of found) one.raw = one.error ? beyond(one.mean / one.error, freedom) : Number(one.mean === 0);
    const order = found.filter((one) => !Number.isNaN(one.raw)).sort((a, b) => a.raw - b.raw);
    let most = 0;
    order.forEach((one, i) => { most = Math.max(most, one.raw * (order.length - i)); one.p = Math.min(1, most); });
    for (const one of found) one.half = one.error ? quantile(one.freedom, 1 - LEVEL) * one.error : one.error;
    return found.map((one) => ({ p: NaN, ...one, shown: one.p < 1 - LEVEL }));
  }

  // Scores of the same head and shots; what takes no head stands under every head of the other.
  function pairsOf(a, b) {
    const every = [...a.scores, ...b.scores];
    const heads = [...new Set(every.map((one) => one.head).filter((head) => head !== NO_HEAD))];
    const shots = [...new Set(every.map((one) => one.shots))].sort((x, y) => x - y);
    const of = (entry, head, count) => [head, NO_HEAD].map((name) =>
      entry.scores.find((one) => one.head === name && one.shots === count)).find(Boolean);
    return shots.flatMap((count) => (heads.length ? heads : [NO_HEAD]).map((head) =>
      ({ head, shots: count, one: of(a, head, count), other: of(b, head, count) })))
      .filter(({ one, other }) => one && other && one.draws.some((draw) => other.draws.includes(draw)))
      .map((pair) => ({ ...pair, one: unpack(pair.one), other: unpack(pair.other) }));
  }

  const pText = (p) => (Number.isNaN(p) ? "–" : p < 0.001 ? "<0.001" : p.toFixed(3));
  const signed = (one) => (one.mean > 0 ? "+" : "") + scoreText(one.mean, Number.isNaN(one.half) ? null : one.half);

  function section(title, names, found) {
    const header = ["Head", "Shots", ...names, "B − A", "p", "Draws"];
    const rows = found.map((one) => make("tr", one.shown ? { class: "top" } : {},
      make("th", { scope: "row" }, one.head === NO_HEAD ? "none" : one.head), cell("n", one.shots), cell("n", fixed(one.a, 1)),
      cell("n", fixed(one.b, 1)), cell("n", signed(one) + (one.shown ? " *" : "")), cell("n", pText(one.p)), cell("n", one.draws.length)));
    const table = make("table", {}, make("caption", {}, make("span", {}, `${data.metric} IoU, per cent`)),
      make("thead", {}, make("tr", {}, ...header.map((name, i) => make("th", { scope: "col", ...(i ? { class: "n" } : {}) }, name)))),
      make("tbody", {}, ...rows));
    return make("section", {}, make("h2", {}, title), make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title }, table));
  }

  function conclude(a, b, found) {
    if (!found.length) return `${a.name} and ${b.name} have no score in common.`;
    const shown = found.filter((one) => one.shown);
    const better = shown.filter((one) => one.mean > 0).length;
    const worse = shown.length - better;
    const many = `${found.length} comparison${found.length > 1 ? "s" : ""}`;
    if (!shown.length) return `No difference between ${a.name} and ${b.name} is shown in ${many}.`;
    const [first, second, more, less] = better >= worse ? [b, a, better, worse] : [a, b, worse, better];
    const alike = found.length - shown.length;
    return `${first.name} is better than ${second.name} in ${more} of ${many}${less ? ` and worse in ${less}` : ""}`
      + `${alike ? `; ${alike} cannot be told apart` : ""}.`;
  }

  function show(a, b) {
    const sections = [];
    const all = [];
    for (const one of a.tables) {
      for (const other of b.tables.filter((table) => table.table === one.table)) {
        const found = test(pairsOf(one, other));
        if (!found.length) continue;
        all.push(...found);
        sections.push(section(one.title, [`A: ${one.entry}`, `B: ${other.entry}`], found));
      }
    }
    find("verdict").textContent = conclude(a, b, all);
    find("found").replaceChildren(...sections);
  }

  const [loading, arrived] = [new Map(), new Map()];

  // A script of the site is the only file that a page in a folder may read.
  function load(page) {
    if (!loading.has(page)) {
      loading.set(page, new Promise((resolve, reject) => {
        arrived.set(page, resolve);
        document.head.append(Object.assign(make("script", { src: `pairs/${encodeURIComponent(page)}.js` }), { onerror: reject }));
      }));
    }
    return loading.get(page);
  }

  partbench.take = (page, record) => {
    taken.set(page, record);
    arrived.get(page)(record);
  };

  const named = (text) => data.names.find(([page, name]) => name === text || page === text);
  let asked = 0;

  async function compare() {
    const chosen = ["a", "b"].map((id) => named(find(id).value.trim()));
    asked += 1;
    const mine = asked;
    if (!chosen.every(Boolean)) {
      find("verdict").textContent = "Choose two backbones by their names.";
      find("found").replaceChildren();
      return;
    }
    history.replaceState(null, "", `#a=${encodeURIComponent(chosen[0][0])}&b=${encodeURIComponent(chosen[1][0])}`);
    const records = await Promise.all(chosen.map(([page]) => load(page)));
    if (mine === asked) show(...records);
  }

  function fromAddress() {
    const parts = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B"));
    for (const id of ["a", "b"]) find(id).value = named(parts.get(id) || "")?.[1] ?? find(id).value;
    compare();
  }

  find("names").append(...data.names.map(([, name]) => make("option", { value: name })));
  for (const id of ["a", "b"]) find(id).addEventListener("change", compare);
  find("swap").addEventListener("click", () => {
    [find("a").value, find("b").value] = [find("b").value, find("a").value];
    compare();
  });
  addEventListener("hashchange", fromAddress);
  fromAddress();
  return { beyond, quantile, test, pairsOf, taken };
})();
