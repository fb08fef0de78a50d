"use strict";
// Compares two backbones, chosen by who reads the page, on all that both have.
partbench.compare = (() => {
  const { data, find, make, cell, fixed, scoreText } = partbench;
  const { unpack, test } = partbench.paired;
  const NO_HEAD = "-";
  const taken = new Map();

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
    for (const [id, beside] of [["a", "b"], ["b", "a"]]) {
      const other = find(beside).value;
      find(id).value ||= data.first.map((page) => named(page)[1]).find((name) => name !== other) ?? other;
    }
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
  return { pairsOf, taken };
})();
