// Keeps the board as the hub knows it: listens to /api/v1/events/stream and draws again what changed.
// Sections are drawn by the hub, in the reader's language; this script only swaps the items that differ.

import { adopt, ask, redraw } from "./drawing.js";
import { bring, heard, renewViewer } from "./viewer.js";

const UNTOLD_EVERY_MS = 5000;   // an agent is lost by silence, a clip is brought for someone else: nothing announces it
const GATHER_MS = 150;          // changes within this time are drawn once

const section = (name) => document.querySelector(`[data-section="${name}"]`);

const stale = new Set();
let gathering = null;

function renew(...names) {
  for (const name of names) stale.add(name);
  gathering ??= setTimeout(async () => {
    const names = [...stale];
    stale.clear();
    try {
      await Promise.all(names.map(async (name) => {
        const response = await ask(`/fragments/${name}`);
        if (response.ok) redraw(section(name), await response.text());
      }));
    } catch { /* the line is down; the stream says so and all is renewed when it is back */ }
    gathering = null;
    if (stale.size) renew();
  }, GATHER_MS);
}

// --- the line to the hub

const line = document.getElementById("line");

function showLine(state) {
  line.dataset.state = state;
  line.querySelector("[data-text]").textContent = line.dataset[state];
}

const TOUCHED = {
  plate_read: ["events", "alerts"],
  plate_hit: ["events", "alerts"],
  plate_pictured: ["events"],
  clip_stored: ["events", "clips", "alerts"],
  camera_changed: ["events", "agents", "summary"],
  gap_recorded: ["events"],
};

function listen() {
  const stream = new EventSource(`/api/v1/events/stream?after=${document.querySelector("main").dataset.after}`);
  let opened = false;
  stream.addEventListener("open", () => {
    showLine("live");
    if (opened) {
      renew("summary", "completeness", "alerts", "clips", "agents", "hotlist");
      renewViewer();
    }
    opened = true;
  });
  stream.addEventListener("error", () => {
    showLine("broken");
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => ask("/fragments/summary").then(listen, listen), 3000);
  });
  stream.addEventListener("message", (message) => {
    renew(...(TOUCHED[JSON.parse(message.data).kind] ?? ["events"]));
  });
  stream.addEventListener("changed", (message) => {
    const name = JSON.parse(message.data);
    renew(name, ...(name === "agents" ? ["summary", "completeness"] : []));
    if (name === "clips") renewViewer();
  });
  stream.addEventListener("pull", (message) => {
    const pull = JSON.parse(message.data);
    heard(pull);
    if (pull.archive === null) renew("clips", "alerts");
  });
}

// --- the hotlist

const form = document.getElementById("hotlist-form");

async function addToHotlist(event) {
  event.preventDefault();
  const trouble = form.querySelector(".trouble");
  const wish = Object.fromEntries(new FormData(form));
  const response = await ask("/api/v1/hotlist", {
    method: "POST", headers: { "content-type": "application/json", accept: "application/json" }, body: JSON.stringify(wish),
  });
  trouble.hidden = response.ok;
  if (response.ok) {
    form.reset();
    renew("hotlist");
  } else {
    const problem = await response.json();
    trouble.textContent = `${problem.title}. ${problem.detail}`;
  }
}

async function removeFromHotlist(entry) {
  await ask(`/api/v1/hotlist/${entry}`, { method: "DELETE" });
  renew("hotlist");
}

// --- holds at the edge

const holding = document.getElementById("hold-dialog");

function askToHold(button) {
  const { hold, wanted, question } = button.dataset;
  holding.querySelector("[data-question]").textContent = question;
  const clip = button.closest(".clip");
  const about = [clip.querySelector("time"), clip.querySelector(".place")].map((part) => part.cloneNode(true));
  holding.querySelector("[data-about]").replaceChildren(...about);
  holding.dataset.hold = hold;
  holding.dataset.wanted = wanted;
  holding.querySelector(".trouble").hidden = true;
  holding.querySelector("form").reset();
  holding.showModal();
}

async function hold(event) {
  event.preventDefault();
  const reason = new FormData(event.target).get("reason");
  const response = await ask(`/api/v1/clips/${holding.dataset.hold}/holds/pin`, {
    method: "PUT", headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ wanted: holding.dataset.wanted === "true", reason }),
  });
  const trouble = holding.querySelector(".trouble");
  trouble.hidden = response.ok;
  if (response.ok) {
    holding.close();
    renew("clips");
  } else {
    const problem = await response.json();
    trouble.textContent = `${problem.title}. ${problem.detail}`;
  }
}

holding.querySelector("form").addEventListener("submit", hold);
holding.querySelector("[data-close]").addEventListener("click", () => holding.close());
form.addEventListener("submit", addToHotlist);
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.play) bring(button.dataset.play, ["keyframes", "original"]);
  if (button?.dataset.keyframes) bring(button.dataset.keyframes, ["keyframes"]);
  if (button?.dataset.remove) removeFromHotlist(button.dataset.remove);
  if (button?.dataset.hold) askToHold(button);
});

for (const container of document.querySelectorAll("[data-section]")) for (const item of container.children) adopt(item);
setInterval(() => renew("agents", "summary", "completeness", "clips"), UNTOLD_EVERY_MS);
listen();
