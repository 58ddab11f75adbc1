// SPDX-License-Identifier: Apache-2.0
// The third view: health of the nodes, what the model looks at, and what can be done about it.

import {byId, element, fill, number, setText} from './dom.js';

const LEVELS = ['OK', 'WARN', 'ERROR'];
const TWICE_MS = 4000;
const SLIDERS = ['threshold', 'hysteresis'];
const CALLS = {train: 'Trained.', save: 'Saved.', load: 'Loaded.', reset: 'Forgotten.'};

export function mount(page) {
  let trainer = {};
  let dragging = null;
  const call = async (service, done) => {
    const {ok, text} = await page.connection.ask({type: 'call', service});
    page.announce(ok ? done ?? text : `${service}: ${wordsOf(text)}`);
    return {ok, text};
  };

  for (const [name, done] of Object.entries(CALLS)) {
    if (name !== 'reset') {
      byId(name).addEventListener('click', () => call(name, done));
    }
  }
  byId('pause').addEventListener('click', () => {
    const paused = byId('pause').getAttribute('aria-pressed') === 'true';
    call(paused ? 'resume' : 'pause', paused ? 'Learning goes on.' : 'Paused: it collects, and does not learn.');
  });
  twice(byId('reset'), () => whatStays(trainer), () => call('reset', CALLS.reset));
  recommend(page, call);

  for (const name of SLIDERS) {
    const slider = byId(name);
    slider.addEventListener('input', () => {
      dragging = name;
      setText(byId(`${name}-value`), number(Number(slider.value)));
    });
    slider.addEventListener('change', async () => {
      const {ok, text} = await page.connection.ask({type: 'set', node: 'predictor', values: {[name]: Number(slider.value)}});
      dragging = null;
      page.announce(ok ? `The ${name} is ${slider.value} now.` : text);
    });
  }

  return {
    hello: ({teach}) => {
      for (const id of [...SLIDERS, ...Object.keys(CALLS), 'pause', 'recommend_threshold']) {
        byId(id).disabled = !teach;
      }
    },
    model: ({model}) => showWeights(model.features),
    link: (link) => link.state !== 'open' && showSummary([{name: 'page', level: 2, text: link.text}]),
    state(state) {
      trainer = state.parameters.trainer ?? {};
      fill(byId('health'), state.nodes, healthItem, showHealth);
      showSummary(state.nodes);
      showDrift(state);
      const paused = state.nodes.some((each) => each.name === 'trainer' && each.text.startsWith('paused'));
      byId('pause').setAttribute('aria-pressed', String(paused));
      for (const name of SLIDERS) {
        const value = state.parameters.predictor?.[name];
        if (value !== undefined && dragging !== name) {
          byId(name).value = value;
          setText(byId(`${name}-value`), number(value));
        }
      }
    },
  };
}

// A button that acts at the second of two taps; the first one shows what it will do.
function twice(button, words, act) {
  const name = button.textContent;
  let timer = 0;
  const calm = () => {
    timer = 0;
    button.textContent = name;
  };
  button.addEventListener('click', () => {
    if (timer) {
      clearTimeout(timer);
      calm();
      act();
    } else {
      button.textContent = words();
      timer = setTimeout(calm, TWICE_MS);
    }
  });
}

function whatStays({model_file: model}) {
  const file = model ? `the file ${model} stays` : 'there is no file: all is lost';
  return `Tap again: forgets samples and model; ${file}`;
}

function recommend(page, call) {
  const use = byId('use');
  let advised = 0.5;
  byId('recommend_threshold').addEventListener('click', async () => {
    const {ok, text} = await call('recommend_threshold', 'The trainer recommends a threshold.');
    const {threshold} = ok ? JSON.parse(text) : {};
    use.hidden = !Number.isFinite(threshold);
    if (!use.hidden) {
      advised = threshold;
      use.textContent = `Use ${number(advised, 3)}`;
    }
  });
  use.addEventListener('click', async () => {
    const {ok, text} = await page.connection.ask({type: 'set', node: 'predictor', values: {threshold: advised}});
    use.hidden = ok;
    page.announce(ok ? `The threshold is ${number(advised, 3)} now.` : text);
  });
}

// Answers of the trainer may be JSON with an `error`.
function wordsOf(text) {
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text;
  }
}

const healthItem = () => element('li', {}, element('b'), element('span'));

function showHealth(item, node) {
  item.dataset.level = node.level;
  setText(item.children[0], `${node.name} ${LEVELS[node.level]}:`);
  setText(item.children[1], node.text);
}

function showSummary(all) {
  const paints = document.body.dataset.view === 'paint'; // which goes without a featurizer
  const nodes = all.filter((each) => !paints || each.name !== 'featurizer');
  const worst = nodes.reduce((a, b) => (b.level > a.level ? b : a), {level: 0, name: '', text: 'all nodes are well'});
  byId('summary').dataset.level = worst.level;
  setText(byId('summary'), worst.level ? `${worst.name}: ${worst.text}` : worst.text);
}

function showDrift({nodes, numbers}) {
  const trainer = nodes.find((each) => each.name === 'trainer');
  const drifting = Boolean(trainer?.alive && trainer.text.startsWith('drift'));
  const known = trainer?.alive && numbers.drift_level !== null;
  byId('drift').dataset.level = drifting ? 1 : known ? 0 : '';
  const level = known ? ` (${number(numbers.drift_level)} of 1)` : '';
  setText(byId('drift'), drifting ? 'Drift: the scores have got worse for good' : known ? `No drift${level}` : 'Drift: not known');
}

function showWeights(features) {
  byId('no-weights').hidden = features.length > 0;
  const largest = Math.max(1e-12, ...features.map((each) => Math.abs(each.weight)));
  fill(byId('weights'), features, () => element('li'), (item, feature) => {
    const value = element('span', {className: 'value', textContent: `${feature.weight > 0 ? '+' : ''}${feature.weight.toPrecision(2)}`});
    item.replaceChildren(value, element('span', {textContent: feature.name}), feature.curve ? curve(feature.curve) : bar(feature.weight / largest));
  });
}

function bar(share) {
  const part = element('span', {className: share > 0 ? 'yes' : 'no'});
  part.style.width = `${50 * Math.abs(share)}%`;
  return element('div', {className: 'bar'}, part);
}

function curve(points) {
  const make = (name, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
  };
  const [x, z] = [points.map((each) => each[0]), points.map((each) => each[1])];
  const high = Math.max(1e-9, ...z.map(Math.abs));
  const place = ([a, b]) => `${100 * (a - x[0]) / (x.at(-1) - x[0] || 1)},${18 - 16 * b / high}`;
  const svg = make('svg', {viewBox: '0 0 100 36', preserveAspectRatio: 'none', 'aria-hidden': 'true'});
  svg.append(make('line', {x1: 0, x2: 100, y1: 18, y2: 18}), make('polyline', {points: points.map(place).join(' ')}));
  return svg;
}
