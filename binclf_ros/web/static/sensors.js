// SPDX-License-Identifier: Apache-2.0
// The second view: which topics there are, what they say, and what is made a feature.

import {byId, element, fill, isVisible, setText} from './dom.js';
import {yamlOf} from './yaml.js';

const MAX_OPEN = 8;
const SETTLED_MS = 3000;
const STATISTICS = ['value', 'mean', 'std', 'min', 'max'];

export function mount(page) {
  const section = byId('sensors');
  const open = new Set();
  let chosen = []; // the features as texts
  let edited = false;
  let applied = null; // what was taken last: until the robot says the same, its word is of before
  let appliedAt = 0;
  let parameters = {};

  const look = () => page.connection.look({list: isVisible(section), topics: isVisible(section) ? [...open] : []});

  function toggle(topic) {
    if (!open.delete(topic) && open.size < MAX_OPEN) {
      open.add(topic);
    }
    look();
    render();
  }

  function choose(feature) {
    edited = true;
    chosen = chosen.includes(feature) ? chosen.filter((each) => each !== feature) : [...chosen, feature];
    render();
  }

  let topics = [];
  let values = {};
  function render() {
    byId('no-topics').hidden = topics.length > 0;
    fill(byId('topics'), topics, () => topicItem(toggle), (item, topic) => showTopic(item, topic, open, values, chosen, choose));
    fill(byId('chosen'), chosen, () => chosenItem(choose), showChosen);
    setText(byId('chosen-count'), chosen.length ? `(${chosen.length}${edited ? ', not applied yet' : ''})` : '(none yet)');
  }

  async function apply() {
    byId('apply').disabled = true;
    const {ok, text} = await page.connection.ask({type: 'features', features: chosen});
    byId('apply').disabled = false;
    edited = edited && !ok;
    if (ok) {
      applied = chosen.join('\n');
      appliedAt = performance.now();
    }
    byId('refusal').hidden = ok;
    setText(byId('refusal'), ok ? '' : text);
    page.announce(ok ? 'The featurizer samples by these features now.' : 'The featurizer refuses; see below the list.');
    render();
  }

  byId('apply').addEventListener('click', apply);
  byId('window').addEventListener('change', render);
  byId('copy').addEventListener('click', () => copy(yamlOf(chosen, parameters), page.announce));

  render();
  return {
    shown: look,
    hello: (hello) => { byId('apply').hidden = !hello.teach; },
    link: () => look(),
    topics(message) {
      topics = message.topics;
      values = message.values;
      render();
    },
    state(state) {
      parameters = state.parameters;
      const features = parameters.featurizer?.features;
      const said = features?.join('\n');
      if (said === applied || performance.now() - appliedAt > SETTLED_MS) {
        applied = null;
      }
      if (features && !edited && applied === null && said !== chosen.join('\n')) {
        chosen = features;
        render();
      }
      showMismatch(parameters.featurizer);
    },
  };
}

function showMismatch(featurizer) {
  const note = byId('mismatch');
  const other = featurizer?.features.length && (!featurizer.label || featurizer.label_positive);
  note.hidden = !other;
  setText(note, other ? 'The featurizer does not read these buttons yet: apply the features once.' : '');
}

const lookback = () => Number(byId('window').value) || 1;

// The text of a feature, in the language of the featurizer.
function featureOf(path, isArray, statistic, value) {
  if (statistic === 'value') {
    return isArray ? `${path}[0:${Math.max(1, value?.length ?? 1)}]` : path;
  }
  return isArray ? `${statistic}(${path})` : `${statistic}(${path}, ${lookback().toFixed(1)})`;
}

function topicItem(toggle) {
  const button = element('button', {type: 'button', className: 'topic'}, element('span'), element('small'));
  const item = element('li', {}, button, element('ul', {className: 'fields'}));
  button.addEventListener('click', () => toggle(item.dataset.topic));
  return item;
}

function showTopic(item, topic, open, values, chosen, choose) {
  const [button, fields] = item.children;
  const isOpen = open.has(topic.name);
  const said = values[topic.name];
  item.dataset.topic = topic.name;
  button.setAttribute('aria-expanded', String(isOpen));
  setText(button.children[0], topic.name);
  const rate = isOpen ? (said?.hz === null || said === undefined ? ', listening …' : `, ${said.hz} Hz`) : '';
  setText(button.children[1], topic.type + rate + (isOpen && said?.problem ? `: ${said.problem}` : ''));
  const rows = isOpen && said ? said.fields : [];
  fill(fields, rows, () => fieldItem(choose), (each, row) => showField(each, topic.name, row, chosen));
}

function fieldItem(choose) {
  const chips = STATISTICS.map((name) => {
    const chip = element('button', {type: 'button', textContent: name});
    chip.addEventListener('click', () => choose(chip.dataset.feature));
    return chip;
  });
  return element('li', {}, element('span'), element('span', {className: 'value'}), element('div', {className: 'chips'}, ...chips));
}

function showField(item, topic, [path, isArray, value], chosen) {
  const [name, shown, chips] = item.children;
  setText(name, path);
  setText(shown, wordsOf(value));
  STATISTICS.forEach((statistic, i) => {
    const chip = chips.children[i];
    const feature = featureOf(`${topic}/${path}`, isArray, statistic, value);
    const pressed = String(chosen.includes(feature));
    if (chip.dataset.feature !== feature) {
      chip.dataset.feature = feature;
      chip.setAttribute('aria-label', `${statistic} of ${topic}/${path}`);
    }
    if (chip.getAttribute('aria-pressed') !== pressed) {
      chip.setAttribute('aria-pressed', pressed);
    }
  });
}

function wordsOf(value) {
  if (value === null || value === undefined) {
    return '–';
  }
  return Array.isArray(value) ? `[${value.map((each) => each ?? '–').join(', ')}${value.length === 8 ? ', …' : ''}]` : String(value);
}

function chosenItem(choose) {
  const remove = element('button', {type: 'button', textContent: '✕'});
  const item = element('li', {}, element('span'), remove);
  remove.addEventListener('click', () => choose(item.dataset.feature));
  return item;
}

function showChosen(item, feature) {
  item.dataset.feature = feature;
  setText(item.children[0], feature);
  item.children[1].setAttribute('aria-label', `Remove ${feature}`);
}

async function copy(text, announce) {
  const area = byId('yaml');
  area.hidden = false;
  area.value = text;
  try {
    await navigator.clipboard.writeText(text); // browsers allow it on https and on localhost alone
    announce('Copied.');
  } catch {
    area.select();
    announce('Select the text below and copy it.');
  }
}
