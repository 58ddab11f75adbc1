// SPDX-License-Identifier: Apache-2.0
// The first view: does it know, is it learning, and what to teach next.

import {Chart} from './chart.js';
import {byId, isVisible, number, setText} from './dom.js';

const MIN_PER_CLASS = 5;
const MIN_SCORED = 100;
const WORTH = 0.95; // of the log loss of always naming the larger class

export function mount() {
  const chart = new Chart(byId('chart'));
  const section = byId('teach');
  let told = 0;
  const draw = () => isVisible(section) && chart.draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);

  return {
    shown: draw,
    state(state) {
      const {threshold, hysteresis} = state.parameters.predictor ?? {};
      chart.add(state.now, state.bins, threshold, hysteresis);
      draw();
      showAnswer(chart.newest);
      showCounts(state.counts);
      setText(byId('verdict'), verdict(state));
      setText(byId('advice'), advice(state));
      for (const [name, digits] of [['accuracy', 3], ['majority_accuracy', 3], ['log_loss', 3], ['majority_log_loss', 3]]) {
        setText(byId(name), number(state.scores[name], digits));
      }
      if (performance.now() - told > 1000) {
        told = performance.now();
        const {probability} = chart.newest ?? {};
        const now = probability === undefined ? 'no answer' : probability.toFixed(2);
        byId('chart').setAttribute('aria-label', `Probability of YES over the last 30 seconds, now ${now}`);
      }
    },
    link(link) {
      if (link.state !== 'open') {
        showAnswer(null);
      }
    },
  };
}

function showAnswer(newest) {
  setText(byId('probability'), newest ? number(newest.probability) : '–');
  const words = newest?.decision === 1 ? 'decides YES' : newest?.decision === 0 ? 'decides NO' : '';
  setText(byId('decision'), newest ? words : 'no answer');
}

function showCounts({yes, no}) {
  setText(byId('count-yes'), String(yes));
  setText(byId('count-no'), String(no));
  byId('bar-yes').style.flexGrow = String(yes);
  byId('bar-no').style.flexGrow = String(no);
}

const node = (state, name) => state.nodes.find((each) => each.name === name) ?? {alive: false, text: ''};
const percent = (share) => `${Math.round(100 * share)}\u202f%`;

export function verdict(state) {
  const {counts, scores, numbers} = state;
  const trainer = node(state, 'trainer');
  if (!trainer.alive) {
    return `Nothing is learned: the trainer is ${trainer.text}.`;
  }
  if (!numbers.step) {
    const missing = [['YES', counts.yes], ['NO', counts.no]].filter(([, n]) => n < MIN_PER_CLASS);
    return missing.length
      ? `Not yet: ${missing.map(([name, n]) => `${MIN_PER_CLASS - n} more of ${name}`).join(' and ')} to begin with.`
      : `Not yet: ${trainer.text}.`;
  }
  if (scores.log_loss === null || !(numbers.total_scored >= MIN_SCORED)) {
    return `It has begun to learn; after ${MIN_SCORED} samples this says how well.`;
  }
  const larger = counts.yes >= counts.no ? 'YES' : 'NO';
  const right = `right in ${percent(scores.accuracy)}, always saying ${larger} in ${percent(scores.majority_accuracy)}`;
  if (scores.log_loss < WORTH * scores.majority_log_loss) {
    return `It learns: ${right}.`;
  }
  if (scores.balanced_accuracy > 0.7) {
    return `It learns, but is too sure of itself: ${right}.`;
  }
  return `It does not learn: ${right}. Try other sensors.`;
}

// Which to teach next.
export function advice(state) {
  const {yes, no} = state.counts;
  if (!node(state, 'featurizer').alive) {
    return `The featurizer is ${node(state, 'featurizer').text}: nothing can be taught.`;
  }
  if (!yes && !no) {
    return 'Hold YES while it happens, and NO while it does not.';
  }
  if (Math.min(yes, no) < 0.5 * Math.max(yes, no)) {
    return `Teach ${yes < no ? 'YES' : 'NO'} next: it has ${yes < no ? yes : no} of ${yes + no} samples.`;
  }
  if (state.ask > 0.5) {
    return 'It is unsure right now: a label at this moment teaches most.';
  }
  return 'Teach next what it gets wrong.';
}
