"use strict";
// The paired test of partbench (metrics/estimate.py, metrics/significance.py), from the scores of every draw and the
// influence of every image; tests hold its numbers to those of Python.
partbench.paired = (() => {
  const LEVEL = 0.95;
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const squares = (values) => values.reduce((a, b) => a + b * b, 0);

  // The logarithm of the gamma function: Stirling's series from 10 on (DLMF 5.11.1), below it by the recurrence.
  function logGamma(x) {
    if (x < 10) return logGamma(x + 1) - Math.log(x);
    const series = 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5) - 1 / (1680 * x ** 7);
    return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
  }

  // The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method.
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

  return { beyond, quantile, unpack, test };
})();
