// SPDX-License-Identifier: Apache-2.0
// What all views need. Whatever came from outside becomes text, never markup.

export const byId = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes('-') || key === 'role') {
      made.setAttribute(key, value);
    } else {
      made[key] = value;
    }
  }
  made.append(...children);
  return made;
}

// Makes the children of a list be as many as there are rows: `make` one, `show` a row in one.
export function fill(list, rows, make, show) {
  while (list.children.length > rows.length) {
    list.lastElementChild.remove();
  }
  rows.forEach((row, i) => {
    if (i >= list.children.length) {
      list.append(make());
    }
    show(list.children[i], row);
  });
}

// Returns what says texts in a live region, at most one a second, the newest last.
export function announcer(region) {
  let next = null;
  let timer = 0;
  const say = () => {
    timer = 0;
    if (next !== null && next !== region.textContent) {
      region.textContent = next;
      timer = setTimeout(say, 1000);
    }
  };
  return (text) => {
    next = text;
    if (!timer) {
      say();
    }
  };
}

export function number(value, digits = 2) {
  return value === null || value === undefined ? '–' : value.toFixed(digits);
}

export const isVisible = (section) => !document.hidden && section.offsetParent !== null;
