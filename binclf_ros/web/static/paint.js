// SPDX-License-Identifier: Apache-2.0
// The fourth view: paint YES and NO on a picture of the camera, and see where the robot would say so.
//
// Pictures come five a second until one is painted on: that one stands still, so that each stroke belongs to its
// frame, and what the model says of it is shown again with each model. A stroke is sent while it is drawn.

import {byId, isVisible, setText} from './dom.js';

const SEND_MS = 300;
const MAX_PART = 150; // points of one message
const DIGITS = 1e4;

export function mount(page) {
  const section = byId('paint');
  const canvas = byId('picture');
  const pen = canvas.getContext('2d');
  let shown = null; // {picture, width, height, image}
  let tint = null;
  let still = null; // the number of the picture that is painted on
  let strokes = [];
  let drawing = null; // {pointer, number, stroke, sent, at}
  let number = 0;
  let label = 1;
  let teach = true;
  let order = Promise.resolve(); // pictures are decoded in turn

  const look = () => page.connection.look({pictures: isVisible(section), still});

  function goOn() {
    still = null;
    strokes = [];
    drawing = null;
    look();
    showTools();
    redraw();
  }

  function showTools() {
    byId('undo').disabled = !teach || !strokes.length;
    byId('next').disabled = still === null;
    const n = strokes.length;
    setText(byId('painted'), n ? `${n} stroke${n > 1 ? 's' : ''} on this picture.` : 'The picture stands still while you paint.');
  }

  function choose(chosen) {
    label = chosen;
    byId('brush-yes').setAttribute('aria-pressed', String(label === 1));
    byId('brush-no').setAttribute('aria-pressed', String(label === 0));
  }

  // The canvas is as large as there is room, in the shape of the picture: its corners are those of the frame.
  function fit() {
    const {clientWidth, clientHeight} = byId('easel');
    const scale = Math.min(clientWidth / canvas.width, clientHeight / canvas.height);
    canvas.style.width = `${Math.floor(scale * canvas.width)}px`;
    canvas.style.height = `${Math.floor(scale * canvas.height)}px`;
  }

  function redraw() {
    byId('easel').dataset.empty = shown === null;
    if (!shown) {
      return;
    }
    const {width, height} = canvas;
    pen.drawImage(shown.image, 0, 0, width, height);
    if (tint && byId('answer').checked) {
      pen.drawImage(tint, 0, 0, width, height);
    }
    const style = getComputedStyle(document.documentElement);
    for (const stroke of strokes) {
      drawStroke(pen, stroke, width, height, style);
    }
  }

  async function take(message) {
    if (message.picture === null) {
      shown = still === null ? null : shown;
      setText(byId('no-picture'), `${message.problem}.`);
      redraw();
      return;
    }
    const image = message.jpeg && await bitmapOf(message.jpeg);
    const answer = message.answer && await bitmapOf(message.answer);
    if (message.picture !== (still ?? message.picture) || (!image && shown?.picture !== message.picture)) {
      return; // another one stands still meanwhile
    }
    if (image) {
      shown = {picture: message.picture, image};
      if (canvas.width !== message.width || canvas.height !== message.height) {
        canvas.width = message.width;
        canvas.height = message.height;
        fit();
      }
    }
    tint = answer ? tinted(answer) : null;
    canvas.dataset.step = message.step ?? '';
    redraw();
  }

  // Sends what is new of a stroke; the last part says whether the robot has it.
  async function send(ended) {
    const {stroke, sent, number: id} = drawing;
    const points = stroke.points.slice(sent);
    drawing.sent = stroke.points.length;
    drawing.at = performance.now();
    const parts = [];
    for (let i = 0; i < points.length; i += MAX_PART) {
      parts.push(points.slice(i, i + MAX_PART));
    }
    const about = {picture: still, stroke: id, label: stroke.label, radius: stroke.radius};
    const answers = parts.map((part) => page.connection.ask({type: 'paint', ...about, points: part}));
    const failed = (await Promise.all(answers)).find((answer) => !answer.ok);
    if (failed) {
      page.announce(failed.text);
      goOn();
    } else if (ended && parts.length) {
      page.announce(`${stroke.label ? 'YES' : 'NO'} is painted.`);
    }
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    const share = (value, low, size) => Math.round(DIGITS * Math.min(1, Math.max(0, (value - low) / size))) / DIGITS;
    return [share(event.clientX, box.left, box.width), share(event.clientY, box.top, box.height)];
  }

  canvas.addEventListener('pointerdown', (event) => {
    if (!shown || !teach || drawing || event.button !== 0) {
      return;
    }
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    if (still === null) {
      still = shown.picture;
      look();
    }
    const stroke = {label, radius: Number(byId('size').value) / 100, points: [at(event)]};
    strokes.push(stroke);
    drawing = {pointer: event.pointerId, number: number++, stroke, sent: 0, at: 0};
    send(false);
    showTools();
    redraw();
  });
  canvas.addEventListener('pointermove', (event) => {
    if (drawing?.pointer !== event.pointerId) {
      return;
    }
    const {stroke} = drawing;
    for (const each of event.getCoalescedEvents?.() ?? [event]) {
      const [x, y] = at(each);
      const [u, v] = stroke.points.at(-1);
      if (Math.hypot((x - u) * canvas.width, (y - v) * canvas.height) > 0.3 * stroke.radius * canvas.width) {
        stroke.points.push([x, y]);
      }
    }
    if (drawing.sent < stroke.points.length && performance.now() - drawing.at > SEND_MS) {
      send(false);
    }
    redraw();
  });
  const end = (event) => {
    if (drawing?.pointer === event.pointerId) {
      drawing.stroke.points.push(at(event));
      send(true);
      drawing = null;
    }
  };
  for (const over of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(over, end);
  }

  new ResizeObserver(fit).observe(byId('easel'));
  byId('brush-yes').addEventListener('click', () => choose(1));
  byId('brush-no').addEventListener('click', () => choose(0));
  byId('size').addEventListener('input', () => setText(byId('size-value'), `${byId('size').value} %`));
  byId('answer').addEventListener('change', redraw);
  byId('next').addEventListener('click', goOn);
  byId('undo').addEventListener('click', async () => {
    const {ok, text} = await page.connection.ask({type: 'undo', picture: still});
    if (ok) {
      strokes.pop();
      showTools();
      redraw();
    }
    page.announce(ok ? 'The last stroke is taken back.' : text);
  });
  window.addEventListener('keydown', (event) => {
    if (isVisible(section) && (event.key === '1' || event.key === '0') && !event.repeat) {
      choose(Number(event.key));
    }
  });

  return {
    shown: () => (isVisible(section) ? look() : goOn()),
    hello(hello) {
      teach = hello.teach;
      goOn();
    },
    link: (link) => link.state !== 'open' && goOn(),
    picture: (message) => { order = order.then(() => take(message)).catch(() => {}); },
  };
}

async function bitmapOf(base64) {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], {type: 'image/jpeg'}));
}

// The colours of the page, as numbers.
const COLOURS = {yes: [230, 159, 0], no: [0, 114, 178]};

// Makes of a grey picture of probability one that is tinted where the model is sure.
function tinted(answer) {
  const canvas = document.createElement('canvas');
  canvas.width = answer.width;
  canvas.height = answer.height;
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  pen.drawImage(answer, 0, 0);
  const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
  const {data} = pixels;
  for (let i = 0; i < data.length; i += 4) {
    const sure = data[i] / 127.5 - 1;
    [data[i], data[i + 1], data[i + 2]] = COLOURS[sure > 0 ? 'yes' : 'no'];
    data[i + 3] = 150 * Math.abs(sure);
  }
  pen.putImageData(pixels, 0, 0);
  return canvas;
}

// A stroke in its colour; NO has a dashed line along it, so that colour is not needed to tell them.
function drawStroke(pen, {label, radius, points}, width, height, style) {
  const way = new Path2D();
  points.forEach(([x, y], i) => way[i ? 'lineTo' : 'moveTo'](x * width, y * height));
  way.lineTo(points.at(-1)[0] * width + 0.01, points.at(-1)[1] * height); // a dot is a line, too
  pen.save();
  pen.lineCap = pen.lineJoin = 'round';
  pen.globalAlpha = 0.75;
  pen.strokeStyle = style.getPropertyValue(label ? '--yes' : '--no');
  pen.lineWidth = 2 * radius * width;
  pen.stroke(way);
  pen.globalAlpha = 1;
  pen.strokeStyle = '#fff';
  pen.lineWidth = 2;
  pen.setLineDash(label ? [] : [8, 8]);
  pen.stroke(way);
  pen.restore();
}
