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

// Says texts in a live region, at most one a second. What `stands` is said as long as it is so; what is
// `announced` is said once, until something else stands or 3 s are over.
export class Announcer {
  #region;
  #standing = '';
  #event = null;
  #until = 0;
  #timer = 0;

  constructor(region) {
    this.#region = region;
  }

  stands(text) {
    if (text !== this.#standing) {
      this.#standing = text;
      this.#event = null;
    }
    this.#say();
  }

  announce(text) {
    this.#event = text;
    this.#until = performance.now() + 3000;
    this.#say();
  }

  #say() {
    const text = this.#event !== null && performance.now() < this.#until ? this.#event : this.#standing;
    if (!this.#timer && text !== this.#region.textContent) {
      this.#region.textContent = text;
      this.#timer = setTimeout(() => {
        this.#timer = 0;
        this.#say();
      }, 1000);
    }
  }
}

export function number(value, digits = 2) {
  return value === null || value === undefined ? '–' : value.toFixed(digits);
}

export const isVisible = (section) => !document.hidden && section.offsetParent !== null;
