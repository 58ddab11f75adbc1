// SPDX-License-Identifier: Apache-2.0
// The connection: it comes back by itself, and tells who listens what comes.

const SILENT_MS = 2000;
const ANSWER_MS = 65000;
const LONGEST_WAIT_MS = 3000;

export const clock = () => performance.now();

export class Connection {
  #socket = null;
  #listeners = new Map();
  #answers = new Map();
  #id = 0;
  #tries = 0;
  #received = 0;
  #look = {list: false, topics: [], pictures: false, still: null};

  on(kind, listener) {
    this.#listeners.set(kind, [...(this.#listeners.get(kind) ?? []), listener]);
  }

  start() {
    this.#connect();
    setInterval(() => this.#watch(), 500);
    window.addEventListener('pagehide', () => this.#socket?.close());
    window.addEventListener('pageshow', (event) => event.persisted && this.restart());
  }

  // Sends now or never: what is held up by a lost connection must not be said later.
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN || this.#socket.bufferedAmount > 65536) {
      return false;
    }
    this.#socket.send(JSON.stringify({clock: clock(), ...message}));
    return true;
  }

  // Asks and returns the answer, {ok, text}.
  ask(message) {
    const id = ++this.#id;
    return new Promise((resolve) => {
      if (!this.send({id, ...message})) {
        resolve({ok: false, text: 'there is no connection to the robot'});
        return;
      }
      const timer = setTimeout(() => this.#answer({id, ok: false, text: 'no answer in time'}), ANSWER_MS);
      this.#answers.set(id, {resolve, timer});
    });
  }

  // Looks at what `part` names from now on, and at the rest as before.
  look(part) {
    const next = {...this.#look, ...part};
    if (JSON.stringify(next) !== JSON.stringify(this.#look)) {
      this.#look = next;
      this.send({type: 'look', ...next});
    }
  }

  restart() {
    this.#socket?.close();
  }

  #connect() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.#socket = socket;
    socket.addEventListener('open', () => {
      this.#tries = 0;
      this.#received = clock();
      this.send({type: 'look', ...this.#look});
      this.#tell('link', {state: 'open', text: 'connected'});
    });
    socket.addEventListener('message', (event) => {
      this.#received = clock();
      const message = JSON.parse(event.data);
      if (message.type === 'answer') {
        this.#answer(message);
      } else {
        this.#tell(message.type, message);
      }
    });
    socket.addEventListener('close', () => this.#onClose(socket));
  }

  #onClose(socket) {
    if (socket !== this.#socket) {
      return;
    }
    this.#socket = null;
    for (const id of [...this.#answers.keys()]) {
      this.#answer({id, ok: false, text: 'the connection was lost'});
    }
    this.#tell('link', {state: 'closed', text: 'connection lost, trying again …'});
    const wait = Math.min(300 * 2 ** this.#tries++, LONGEST_WAIT_MS);
    setTimeout(() => this.#again(), wait);
  }

  // A socket does not say why it is refused; the page does.
  async #again() {
    if (this.#tries > 1) {
      const status = await fetch('/', {cache: 'no-store'}).then((answer) => answer.status, () => 0);
      if (status === 401) {
        this.#tell('link', {state: 'refused', text: 'the token is no longer valid: open the printed address again'});
        setTimeout(() => this.#again(), LONGEST_WAIT_MS);
        return;
      }
    }
    this.#connect();
  }

  #watch() {
    if (this.#socket?.readyState === WebSocket.OPEN && clock() - this.#received > SILENT_MS) {
      const silent = this.#socket;
      silent.close();
      this.#onClose(silent); // a connection that is dead takes long to close
    }
  }

  #answer({id, ok, text}) {
    const waiting = this.#answers.get(id);
    if (waiting) {
      this.#answers.delete(id);
      clearTimeout(waiting.timer);
      waiting.resolve({ok, text});
    }
  }

  #tell(kind, message) {
    for (const listener of this.#listeners.get(kind) ?? []) {
      listener(message);
    }
  }
}
