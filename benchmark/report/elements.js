"use strict";
// What the scripts of all pages make their elements with. Names are data: they only ever become text, never markup.
const elements = (() => {
  const find = (id) => document.getElementById(id);
  const known = (value) => value !== null && value !== undefined;
  const fixed = (value, digits) => (known(value) ? value.toFixed(digits) : "–");
  const scoreText = (mean, half) =>
    !known(mean) ? "–" : !known(half) ? fixed(mean, 1) : `${fixed(mean, 1)} ± ${fixed(half, half < 9.95 ? 1 : 0)}`;

  function make(tag, options, ...children) {
    const { style, ...attributes } = options || {};
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    for (const [name, value] of Object.entries(style || {})) element.style.setProperty(name, value);
    element.append(...children.map((child) => (child instanceof Node ? child : String(child))));
    return element;
  }

  // A long name may break where its parts end.
  const soft = (name) => name.split(/(?<=[:@+,/_-])/).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));

  function bar(row, low, high) {
    const at = (value) => `${(100 * (value - low)) / (high - low)}%`;
    const half = row.half || 0;
    return make("div", { class: "bar",
      style: { "--low": at(row.mean - half), "--high": at(row.mean + half), "--at": at(row.mean) } }, make("i"), make("b"));
  }

  return { find, known, fixed, scoreText, make, soft, bar };
})();
