// SPDX-License-Identifier: Apache-2.0
// The dead man's switch: a label is held as long as a finger or a key is down here, now, on a page that is seen.

import {clock} from './socket.js';

const REPEAT_MS = 100;
const NONE = -1;
const KEYS = {0: 0, 1: 1};

export class Switch {
  #buttons;
  #say;
  #held = new Map(); // what is down, such as `pointer 3` or `key 1`, and its label
  #sequence = 0;
  #said = NONE;
  #enabled = false;

  // `buttons`: that of 0 and that of 1; `say` sends {label, sequence, clock}.
  constructor(buttons, say) {
    this.#buttons = buttons;
    this.#say = say;
    buttons.forEach((button, label) => this.#listen(button, label));
    window.addEventListener('keydown', (event) => this.#onKey(event));
    window.addEventListener('keyup', (event) => this.#up(`key ${event.code}`));
    for (const lost of ['blur', 'pagehide']) {
      window.addEventListener(lost, () => this.release());
    }
    document.addEventListener('visibilitychange', () => this.release());
    setInterval(() => this.#said !== NONE && this.#send(), REPEAT_MS);
  }

  get label() {
    const labels = new Set(this.#held.values());
    return labels.size === 1 ? [...labels][0] : NONE;
  }

  get both() {
    return new Set(this.#held.values()).size > 1;
  }

  enable(enabled) {
    this.#enabled = enabled;
    this.#buttons.forEach((button) => { button.disabled = !enabled; });
    if (!enabled) {
      this.release();
    }
  }

  release() {
    this.#held.clear();
    this.#changed();
  }

  #listen(button, label) {
    button.addEventListener('pointerdown', (event) => {
      if (event.button === 0) {
        button.setPointerCapture?.(event.pointerId);
        this.#down(`pointer ${event.pointerId}`, label);
      }
    });
    for (const over of ['pointerup', 'pointercancel', 'lostpointercapture']) {
      button.addEventListener(over, (event) => this.#up(`pointer ${event.pointerId}`));
    }
    button.addEventListener('keydown', (event) => {
      if ((event.key === ' ' || event.key === 'Enter') && !event.repeat) {
        event.preventDefault();
        this.#down(`key ${event.code}`, label);
      }
    });
    button.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  #onKey(event) {
    const typing = event.target instanceof Element && event.target.matches('input[type=number], textarea');
    const seen = event.key in KEYS && this.#buttons[KEYS[event.key]].offsetParent !== null;
    if (seen && !event.repeat && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      this.#down(`key ${event.code}`, KEYS[event.key]);
    }
  }

  #down(what, label) {
    if (this.#enabled) {
      this.#held.set(what, label);
      this.#changed();
    }
  }

  #up(what) {
    if (this.#held.delete(what)) {
      this.#changed();
    }
  }

  #changed() {
    const down = new Set(this.#held.values());
    this.#buttons.forEach((button, label) => button.setAttribute('aria-pressed', String(down.has(label))));
    if (this.label !== this.#said) {
      this.#said = this.label;
      this.#send();
    }
  }

  #send() {
    this.#say({label: this.#said, sequence: ++this.#sequence, clock: clock()});
  }
}
