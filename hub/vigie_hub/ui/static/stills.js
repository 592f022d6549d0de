// One JPEG a second, asked for one by one: with a ticket as a WHEP session has, and where nothing but HTTP comes through.

import { problemOf } from "./problem.js";

const ANSWER_MS = 30_000;       // the hub answers within ten seconds, and a picture takes its time on a slow link

export class StillsSession {
  #session = null;
  #number = 0;
  #closing = new AbortController();
  onPicture = () => {};         // an ImageBitmap, and when the camera took it
  onRefused = () => {};         // why there is none now
  onBroken = () => {};          // nothing more comes of this session

  async open(ticket) {
    try {
      const response = await fetch(ticket.stills, { method: "POST", headers: { authorization: `Bearer ${ticket.ticket}` } });
      if (!response.ok) throw await problemOf(response);
      this.#session = response.headers.get("location");
      if (this.#closing.signal.aborted) this.close();
      while (!this.#closing.signal.aborted) await this.#next();
    } catch (error) {
      if (!this.#closing.signal.aborted) this.onBroken(error);
    }
  }

  close() {
    this.#closing.abort();
    if (this.#session) fetch(this.#session, { method: "DELETE", keepalive: true }).catch(() => {});
    this.#session = null;
  }

  async #next() {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(ANSWER_MS)]);
    const response = await fetch(`${this.#session}?after=${this.#number}`, { signal });
    if (response.status === 204) return;
    if (!response.ok) throw await problemOf(response);
    this.#number = Number(response.headers.get("vigie-number"));
    const isPicture = response.headers.get("content-type") === "image/jpeg";
    const told = isPicture ? await createImageBitmap(await response.blob()) : await response.json();
    if (this.#closing.signal.aborted) return;
    if (isPicture) this.onPicture(told, Date.parse(response.headers.get("vigie-camera-time")));
    else this.onRefused(told.reason);
  }
}
