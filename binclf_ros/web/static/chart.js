// SPDX-License-Identifier: Apache-2.0
// The last 30 s: the probability as a range and its mean, the decision and the taught label as bands.
// YES is a high band, NO a low one, so that colour is not needed to tell them.

const BINS = 600;
const LEFT = 62;
const BAND = 12;
const GAP = 6;
const LABELS = {decision: 4, taught: 5}; // the columns of a row

export class Chart {
  #canvas;
  #rows = [];
  #now = 0;
  #threshold = 0.5;
  #hysteresis = 0;
  #drawn = 0;

  constructor(canvas) {
    this.#canvas = canvas;
    this.still = matchMedia('(prefers-reduced-motion: reduce)');
  }

  // Takes rows [index, min, max, mean, decision, label] in; keeps what is in the last 30 s.
  add(now, rows, threshold, hysteresis) {
    if (now < this.#now) {
      this.#rows = []; // another life of the server
    }
    this.#now = now;
    this.#threshold = threshold ?? 0.5;
    this.#hysteresis = hysteresis ?? 0;
    const last = this.#rows.at(-1)?.[0] ?? -1;
    this.#rows.push(...rows.filter((row) => row[0] > last));
    const first = this.#rows.findIndex((row) => row[0] >= now - BINS);
    this.#rows.splice(0, first < 0 ? this.#rows.length : first);
  }

  // The newest mean and decision of the last second, or null.
  get newest() {
    const since = this.#now - 20;
    const row = this.#rows.findLast((each) => each[0] >= since && each[3] !== null);
    const decided = this.#rows.findLast((each) => each[0] >= since && each[4] >= 0);
    return row ? {probability: row[3], decision: decided?.[4] ?? null} : null;
  }

  draw() {
    const time = performance.now();
    if (this.still.matches && time - this.#drawn < 1000) {
      return;
    }
    this.#drawn = time;
    const canvas = this.#canvas;
    const scale = devicePixelRatio || 1;
    const {clientWidth: width, clientHeight: height} = canvas;
    if (!width) {
      return;
    }
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    this.#paint(pen, width, height);
  }

  #paint(pen, width, height) {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(`--${name}`).trim();
    const bottom = height - 2 * (BAND + GAP) - 4;
    const x = (index) => LEFT + (index - this.#now + BINS) / BINS * (width - LEFT - 2);
    const y = (p) => 6 + (1 - p) * (bottom - 12);
    pen.font = '12px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    this.#axes(pen, width, y, color);
    this.#curve(pen, x, y, color);
    Object.entries(LABELS).forEach(([name, column], i) => {
      const top = bottom + GAP + i * (BAND + GAP);
      pen.fillStyle = color('soft');
      pen.textAlign = 'left';
      pen.fillText(name, 0, top + BAND / 2);
      pen.fillStyle = color('grid');
      pen.fillRect(LEFT, top + BAND - 1, width - LEFT - 2, 1);
      this.#band(pen, x, top, column, color);
    });
  }

  #axes(pen, width, y, color) {
    for (const [p, word] of [[0, '0  NO'], [0.5, '0.5'], [1, '1  YES']]) {
      pen.strokeStyle = color('grid');
      pen.beginPath();
      pen.moveTo(LEFT, y(p));
      pen.lineTo(width, y(p));
      pen.stroke();
      pen.fillStyle = color('soft');
      pen.textAlign = 'left';
      pen.fillText(word, 0, y(p));
    }
    pen.fillStyle = color('grid');
    const high = y(Math.min(1, this.#threshold + this.#hysteresis));
    pen.fillRect(LEFT, high, width - LEFT, y(Math.max(0, this.#threshold - this.#hysteresis)) - high);
    pen.strokeStyle = color('soft');
    pen.setLineDash([5, 4]);
    pen.beginPath();
    pen.moveTo(LEFT, y(this.#threshold));
    pen.lineTo(width, y(this.#threshold));
    pen.stroke();
    pen.setLineDash([]);
  }

  #curve(pen, x, y, color) {
    pen.fillStyle = color('range');
    const step = Math.max(1, x(1) - x(0));
    for (const [index, low, high] of this.#rows) {
      if (low !== null) {
        pen.fillRect(x(index), y(high), step, Math.max(1, y(low) - y(high)));
      }
    }
    pen.strokeStyle = color('curve');
    pen.lineWidth = 2;
    pen.lineJoin = 'round';
    pen.beginPath();
    let before = -Infinity;
    for (const [index, , , mean] of this.#rows) {
      if (mean === null) {
        continue;
      }
      // a sensor at 5 Hz leaves bins empty: that is no gap
      pen[index - before > 20 ? 'moveTo' : 'lineTo'](x(index), y(mean));
      before = index;
    }
    pen.stroke();
    pen.lineWidth = 1;
  }

  #band(pen, x, top, column, color) {
    let run = null; // a state lasts until the next one, for a second at most
    const draw = () => {
      if (run) {
        pen.fillStyle = color(run.label ? 'yes' : 'no');
        const width = Math.max(1.5, x(run.to + 1) - x(run.from));
        pen.fillRect(x(run.from), run.label ? top : top + BAND / 2, width, run.label ? BAND : BAND / 2);
      }
    };
    for (const row of this.#rows) {
      const [index, label] = [row[0], row[column]];
      if (label < 0) {
        continue;
      }
      if (run && run.label === label && index - run.to <= 20) {
        run.to = index;
      } else {
        draw();
        run = {label, from: index, to: index};
      }
    }
    draw();
  }
}
