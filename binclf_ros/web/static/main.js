// SPDX-License-Identifier: Apache-2.0
// The page: one socket, the dead man's switch, and the views that show what comes.
//
// A view is a module with `mount(page)`, which may return `{state, model, topics, link, shown}`: what it does
// when such a message comes, when the link changes, and when another view is shown. To add one: a module, its
// line in `views`, its section and its button in index.html.

import {Connection} from './socket.js';
import {Switch} from './hold.js';
import {Announcer, byId, setText} from './dom.js';
import * as teach from './teach.js';
import * as sensors from './sensors.js';
import * as robot from './robot.js';
import * as paint from './paint.js';

const views = [teach, sensors, robot, paint];
const said = new Announcer(byId('said'));
const page = {connection: new Connection(), announce: (text) => said.announce(text)};
const mounted = views.map((view) => view.mount(page));
const tell = (kind, message) => mounted.forEach((each) => each[kind]?.(message));

const dead = new Switch([byId('no'), byId('yes')], (hold) => page.connection.send({type: 'hold', ...hold}));

for (const kind of ['state', 'model', 'topics', 'picture']) {
  page.connection.on(kind, (message) => tell(kind, message));
}
page.connection.on('hello', (hello) => {
  dead.enable(hello.teach);
  document.body.dataset.teach = hello.teach;
  tell('hello', hello);
});
page.connection.on('state', showLabel);
page.connection.on('refused', (refusal) => {
  page.announce(refusal.text);
  if (refusal.reason === 'late' || refusal.reason === 'sequence') {
    dead.release();
    page.connection.restart();
  }
});
page.connection.on('link', (link) => {
  document.body.dataset.link = link.state;
  setText(byId('link'), link.text);
  if (link.state !== 'open') {
    dead.enable(false);
    said.stands(link.text);
  }
  tell('link', link);
});

const HEARD_MS = 1000; // within which the robot says that it receives a button

// What is to be done, or why nothing can be.
function idle(state) {
  const paints = document.body.dataset.view === 'paint';
  const needed = paints ? 'trainer' : 'featurizer';
  if (!state.nodes.find((each) => each.name === needed)?.alive) {
    return `Nothing can be taught: the ${needed} is silent.`;
  }
  return paints ? 'Paint YES and NO on the picture.' : 'Hold a button to teach.';
}

let pressed = 0;
function showLabel(state) {
  const held = dead.label;
  pressed = held >= 0 ? pressed || performance.now() : 0;
  if (state.disagree) {
    said.stands('Two people hold different buttons: nothing is labelled.');
  } else if (dead.both) {
    said.stands('Both buttons are held: nothing is labelled.');
  } else if (state.label >= 0) {
    said.stands(`${state.label ? 'YES' : 'NO'} is being taught${held === state.label ? '.' : ' by another page.'}`);
  } else if (held >= 0 && performance.now() - pressed > HEARD_MS) {
    said.stands('The robot does not receive this button.');
  } else if (document.body.dataset.teach === 'false') {
    said.stands('This page only looks.');
  } else {
    said.stands(idle(state));
  }
  const activity = byId('activity');
  activity.hidden = !state.activity;
  setText(activity, state.activity ?? '');
}

for (const button of document.querySelectorAll('[data-goto]')) {
  button.addEventListener('click', () => {
    document.body.dataset.view = button.dataset.goto;
    for (const each of document.querySelectorAll('[data-goto]')) {
      each.setAttribute('aria-pressed', String(each === button));
    }
    tell('shown');
  });
}
document.addEventListener('visibilitychange', () => tell('shown'));
window.addEventListener('resize', () => tell('shown'));

page.connection.start();
