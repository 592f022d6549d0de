// <live-view>: a camera as it sees now, or a clip where it lies, by WHEP. Asks why, gets a ticket that counts once, offers without waiting for
// candidates, and shows the camera's own time on the picture. Where no media connection comes through, one JPEG a second over HTTP takes its
// place until one does. Removing the element ends the view.

import { Fallback } from "./fallback.js";
import { problemOf } from "./problem.js";
import { StillsSession } from "./stills.js";

const AGAIN_MS = [500, 1000, 2000, 4000, 8000];
const TRICKLE_MS = 60;
const LOOK_MS = 500;            // how often it is decided whether to fall back, or to try again
const TICKS = 2 ** 32;          // RTP timestamps, 90 a millisecond

const two = (number) => String(number).padStart(2, "0");
const clockTime = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;

// `soon`: the offer follows at once, so the hub begins to pull meanwhile.
async function ticketFor(target, purpose, soon = false) {
  const response = await fetch("/api/v1/tickets", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ ...target, purpose, soon }),
  });
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

// The hub sends nothing else, and a short offer is read sooner.
function onlyH264(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const wanted = codecs.filter(({ mimeType }) => /\/(h264|rtx)$/i.test(mimeType));
  if (wanted.some(({ mimeType }) => /h264$/i.test(mimeType))) transceiver.setCodecPreferences?.(wanted);
}

// One WHEP session (draft-ietf-wish-whep-03).
export class WhepSession {
  #session = null;
  #etag = null;
  #late = [];
  #trickling = null;
  onMessage = () => {};
  onState = () => {};

  constructor() {
    this.peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    const transceiver = this.peer.addTransceiver("video", { direction: "recvonly" });
    transceiver.receiver.jitterBufferTarget = 0;
    onlyH264(transceiver);
    this.stream = new MediaStream([transceiver.receiver.track]);
    this.channel = this.peer.createDataChannel("ctl");
    this.channel.addEventListener("message", (message) => this.onMessage(JSON.parse(message.data)));
    this.peer.addEventListener("connectionstatechange", () => this.onState(this.peer.connectionState));
    this.peer.addEventListener("icecandidate", ({ candidate }) => this.#trickle(candidate));
    this.offered = this.peer.createOffer();
  }

  async open(ticket, path = ticket.whep) {
    if (ticket.ice_servers.length) {
      this.peer.setConfiguration({ bundlePolicy: "max-bundle", iceServers: ticket.ice_servers.map(
        ({ urls, username, credential }) => (username ? { urls, username, credential } : { urls })) });
    }
    const offer = await this.offered;
    const [response] = await Promise.all([
      fetch(path, {
        method: "POST",
        headers: { "content-type": "application/sdp", authorization: `Bearer ${ticket.ticket}` },
        body: offer.sdp,
      }),
      this.peer.setLocalDescription(offer),
    ]);
    if (!response.ok) throw await problemOf(response);
    this.#session = response.headers.get("location");
    this.#etag = response.headers.get("etag");
    await this.peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
    this.#trickle(null);
  }

  say(command) {
    if (this.channel.readyState === "open") this.channel.send(JSON.stringify(command));
  }

  close() {
    this.peer.close();
    if (this.#session) fetch(this.#session, { method: "DELETE", keepalive: true }).catch(() => {});
    this.#session = null;
  }

  #trickle(candidate) {
    if (candidate?.candidate && !candidate.address?.endsWith(".local")) this.#late.push(candidate);
    if (!this.#session || !this.#late.length) return;
    this.#trickling ??= setTimeout(() => {
      this.#trickling = null;
      const late = this.#late.splice(0);
      const lines = [`a=ice-ufrag:${late[0].usernameFragment}`, `a=mid:${late[0].sdpMid}`,
        ...late.map(({ candidate }) => `a=${candidate}`)];
      if (this.#session) fetch(this.#session, {
        method: "PATCH",
        headers: { "content-type": "application/trickle-ice-sdpfrag", "if-match": this.#etag },
        body: `${lines.join("\r\n")}\r\n`,
      }).catch(() => {});
    }, TRICKLE_MS);
  }
}

// A session that is made before anybody looks: its certificate and offer cost tens of milliseconds, and nothing leaves.
let spare = null;
const whenIdle = window.requestIdleCallback ?? ((callback) => setTimeout(callback, 200));
const prepare = () => { spare ??= new WhepSession(); };

function newSession() {
  const session = spare ?? new WhepSession();
  spare = null;
  return session;
}

class LiveView extends HTMLElement {
  #session = null;
  #clocks = [];
  #shown = null;                // RTP timestamp of the picture on screen
  #tries = 0;
  #position = 0;                // seconds into the clip
  #again = null;
  #ended = false;
  #fallback = null;             // of live views
  #looking = null;
  #stills = null;
  #stillsTries = 0;
  #stillsAgain = null;
  #decoded = 0;                 // pictures, as the connection counts them
  #showing = null;              // what media said last of what it shows

  connectedCallback() {
    this.replaceChildren(document.getElementById("live-view").content.cloneNode(true));
    this.querySelector("[data-title]").textContent = this.dataset.name;
    this.querySelector("[data-purpose]").textContent = this.dataset.purpose;
    this.querySelector("[data-stop]").addEventListener("click", () => this.stop());
    if (this.dataset.clip) this.#steerable();
    this.video.requestVideoFrameCallback((_now, frame) => this.#onFrame(frame));
    if (!this.dataset.clip) {
      this.#fallback = new Fallback(performance.now());
      this.#looking = setInterval(() => this.#follow(), LOOK_MS);
    }
    this.#open();
  }

  disconnectedCallback() {
    clearTimeout(this.#again);
    clearInterval(this.#looking);
    this.#ended = true;
    this.#session?.close();
    this.#closeStills();
  }

  get video() { return this.querySelector("video"); }

  get target() {
    if (this.dataset.clip) return { clip_id: this.dataset.clip };
    const [agent_id, camera_id] = this.dataset.camera.split("/");
    return { agent_id, camera_id };
  }

  stop() {
    this.dispatchEvent(new CustomEvent("stopped", { bubbles: true }));
    this.remove();
  }

  async #open() {
    clearTimeout(this.#again);
    this.#session?.close();
    const session = this.#session = newSession();
    session.onMessage = (message) => session === this.#session && this.#onMessage(message);
    session.onState = (state) => session === this.#session && this.#onState(state);
    this.#clocks = [];
    this.#shown = this.#showing = null;
    this.#decoded = 0;
    this.video.srcObject = session.stream;
    try {
      const ticket = await ticketFor(this.target, this.dataset.purpose, !this.dataset.clip);
      await session.open(ticket, this.dataset.clip ? `${ticket.whep}?t=${this.#position}` : ticket.whep);
    } catch (error) {
      if (session === this.#session && !this.#ended) this.#fail(error.message);
    }
  }

  // --- playback

  #steerable() {
    this.querySelector("[data-live]").remove();
    const controls = this.querySelector("[data-controls]");
    const [seek, rate] = [controls.querySelector("[type=range]"), controls.querySelector("select")];
    controls.hidden = false;
    seek.max = this.dataset.seconds;
    seek.addEventListener("change", () => this.#session?.say({ do: "seek", at_seconds: Number(seek.value) }));
    rate.addEventListener("change", () => this.#session?.say({ do: "rate", rate: Number(rate.value) }));
    const commands = {
      previous: () => ({ do: "jump", to: "previous" }),
      next: () => ({ do: "jump", to: "next" }),
      back: () => ({ do: "step", frames: -1 }),
      on: () => ({ do: "step", frames: 1 }),
      pause: (button) => ({ do: "pause", paused: button.ariaPressed === "true" }),
    };
    const pause = controls.querySelector("[data-do=pause]");
    controls.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-do]");
      if (!button) return;
      if (button === pause) pause.ariaPressed = String(pause.ariaPressed !== "true");
      else pause.ariaPressed = String(["back", "on"].includes(button.dataset.do));
      this.#session?.say(commands[button.dataset.do](button));
    });
  }

  #showPosition(seconds) {
    this.#position = Math.max(0, seconds);
    this.dataset.position = this.#position.toFixed(3);
    const seek = this.querySelector("[data-controls] [type=range]");
    if (!seek.matches(":active")) seek.value = this.#position;
  }

  // The clip is at its end: its last picture stays, and somebody may go back.
  #over(is) {
    this.querySelector("[data-over]").hidden = !is;
  }

  // --- one JPEG a second, where no media connection comes through

  async #follow() {
    if (await this.#isDecoding()) this.#fallback.picture(performance.now());
    if (this.#ended) return;
    this.#fallback.tick(performance.now());
    this.#obey();
  }

  // Pictures are decoded even while nobody sees the page, and none is painted.
  async #isDecoding() {
    if (!document.hidden || !this.#session) return false;
    const before = this.#decoded;
    for (const report of (await this.#session.peer.getStats()).values()) {
      if (report.type === "inbound-rtp") this.#decoded = report.framesDecoded ?? 0;
    }
    return this.#decoded > before;
  }

  #obey() {
    const { media, stills } = this.#fallback;
    if (stills && !this.dataset.fallback) this.#openStills();
    if (!stills && this.dataset.fallback) this.#closeStills();
    if (media === "on" && !this.#session) this.#open();
    if (media === "resting" && this.#session) {
      clearTimeout(this.#again);
      this.#session.close();
      this.#session = null;
    }
  }

  async #openStills() {
    this.dataset.fallback = "stills";
    const stills = this.#stills = new StillsSession();
    const ifCurrent = (act) => (...told) => { if (stills === this.#stills) act(...told); };
    stills.onPicture = ifCurrent((picture, at) => this.#onStill(picture, at));
    stills.onRefused = ifCurrent((reason) => this.#complain(reason));
    stills.onBroken = ifCurrent((error) => this.#failStills(error.message));
    try {
      const ticket = await ticketFor(this.target, this.dataset.purpose);
      if (stills === this.#stills) await stills.open(ticket);
    } catch (error) {
      if (stills === this.#stills) this.#failStills(error.message);
    }
  }

  #failStills(text) {
    this.dataset.state = "broken";
    this.#complain(text);
    this.#stills.close();
    this.#stillsAgain = setTimeout(() => this.#openStills(), AGAIN_MS[Math.min(this.#stillsTries++, AGAIN_MS.length - 1)]);
  }

  #closeStills() {
    clearTimeout(this.#stillsAgain);
    this.#stills?.close();
    this.#stills = null;
    this.querySelector("canvas").hidden = true;
    delete this.dataset.fallback;
    if (this.#showing) this.#showRung(this.#showing);
  }

  #onStill(picture, at) {
    const canvas = this.querySelector("canvas");
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("2d").drawImage(picture, 0, 0);
    canvas.hidden = false;
    this.dataset.stills = Number(this.dataset.stills ?? 0) + 1;
    this.dataset.state = "live";
    this.#stillsTries = 0;
    this.#complain("");
    this.#showRung({ rung: "jpeg", width_px: picture.width, height_px: picture.height, reason: "no_media" });
    this.#showClock(at);
    picture.close();
  }

  #fail(text) {
    this.#fallback?.trouble(performance.now());
    if (this.#fallback) this.#obey();
    if (this.#fallback?.media === "resting") return;
    if (!this.dataset.fallback) {
      this.dataset.state = "broken";
      this.#complain(text);
    }
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#open(), AGAIN_MS[Math.min(this.#tries++, AGAIN_MS.length - 1)]);
  }

  #complain(text) {
    const trouble = this.querySelector(".trouble");
    trouble.hidden = !text;
    trouble.querySelector("[data-text]").textContent = text;
  }

  #onState(state) {
    if (state === "failed" || state === "disconnected") this.#fail(this.#text("link"));
  }

  #text(name) { return this.querySelector("[data-texts]").dataset[name] ?? name; }

  #onMessage(message) {
    if (message.say === "clock") {
      this.#clocks = [...this.#clocks.slice(-63), { rtp: message.rtp_timestamp, at: Date.parse(message.at), seconds: message.at_seconds }];
      this.#showTime();         // the picture may have been faster
    } else if (message.say === "showing") {
      this.#showing = message;
      if (this.dataset.fallback) return;
      this.#showRung(message);
      this.#complain("");
      this.#over(false);
    } else if (message.say === "ended" && message.reason === "over") {
      this.#over(true);
    } else if (message.say === "ended") {
      if (message.reason !== "stopped") this.#onTrouble(this.#text(`ended_${message.reason}`));
    } else if (message.say === "refused") {
      this.#onTrouble(message.reason);
    }
  }

  #onTrouble(text) {
    this.#fallback?.trouble(performance.now());
    if (!this.dataset.fallback) this.#complain(text);
  }

  #showRung({ rung, width_px, height_px, reason }) {
    const shown = this.querySelector("[data-rung]");
    shown.textContent = `${this.#text(`rung_${rung}`)} ${width_px}×${height_px}`;
    shown.dataset.rung = rung;
    this.querySelector("[data-why]").textContent = reason === "asked" ? "" : this.#text(`why_${reason}`);
  }

  #onFrame(frame) {
    if (this.dataset.fallback && (!this.#session || frame.rtpTimestamp === undefined)) {    // black, as a session closed or another began
      this.video.requestVideoFrameCallback((_now, next) => this.#onFrame(next));
      return;
    }
    this.dataset.frames = Number(this.dataset.frames ?? 0) + 1;
    this.#fallback?.picture(performance.now());
    if (this.dataset.fallback) this.#closeStills();
    if (this.dataset.state !== "live") {
      this.dataset.state = "live";
      this.#tries = 0;
      this.#complain("");
      this.dispatchEvent(new Event("live"));
      whenIdle(prepare);
    }
    this.#shown = frame.rtpTimestamp;
    this.#showTime();
    this.video.requestVideoFrameCallback((_now, next) => this.#onFrame(next));
  }

  #showTime() {
    const known = this.#clockOf(this.#shown);
    if (!known) return;
    if (!this.dataset.fallback) this.#showClock(known.at);
    if (known.seconds !== null) this.#showPosition(known.seconds);
  }

  #showClock(milliseconds) {
    const at = new Date(milliseconds);
    const time = this.querySelector("time");
    time.dateTime = at.toISOString();
    time.textContent = clockTime(at);
  }

  // The camera's time of a picture: by the newest message about one that is not later.
  #clockOf(rtpTimestamp) {
    if (rtpTimestamp === undefined || rtpTimestamp === null) return null;
    for (const { rtp, at, seconds } of this.#clocks.toReversed()) {
      const passed = (rtpTimestamp - rtp + TICKS) % TICKS;
      if (passed < TICKS / 2) return { at: at + passed / 90, seconds: seconds === null ? null : seconds + passed / 90_000 };
    }
    return null;
  }
}

customElements.define("live-view", LiveView);

// --- why do you look?

const asking = document.getElementById("look-dialog");
if (asking) whenIdle(prepare);

function askWhy(button) {
  for (const name of ["camera", "clip", "seconds"]) delete asking.dataset[name];
  const { look, lookClip, from, until, name } = button.dataset;
  const seconds = (Date.parse(until) - Date.parse(from)) / 1000;
  Object.assign(asking.dataset, lookClip ? { clip: lookClip, seconds, name } : { camera: look, name });
  asking.querySelector("[data-about]").textContent = button.dataset.name;
  asking.showModal();
  asking.querySelector("[name=purpose]").select();
}

function look(event) {
  event.preventDefault();
  const view = document.createElement("live-view");
  Object.assign(view.dataset, asking.dataset);
  view.dataset.purpose = new FormData(event.target).get("purpose").trim();
  asking.close();
  const viewer = document.getElementById("viewer");
  viewer.dispatchEvent(new Event("taken"));
  viewer.replaceChildren(view);
  document.getElementById("viewer-title").scrollIntoView({ block: "nearest" });
}

asking?.querySelector("form").addEventListener("submit", look);
asking?.querySelector("[data-close]").addEventListener("click", () => asking.close());
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-look], button[data-look-clip]");
  if (button) askWhy(button);
});
