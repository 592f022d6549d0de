// Keeps the board as the hub knows it: listens to /api/v1/events/stream and draws again what changed.
// Sections are drawn by the hub, in the reader's language; this script only swaps the items that differ.

const UNTOLD_EVERY_MS = 5000;   // an agent is lost by silence, a clip is brought for someone else: nothing announces it
const VIEWER_EVERY_MS = 700;
const GATHER_MS = 150;          // changes within this time are drawn once

const language = document.documentElement.lang;
const fullTime = new Intl.DateTimeFormat(language === "ar" ? "ar-MA" : language, {
  dateStyle: "full", timeStyle: "long", numberingSystem: "latn", hourCycle: "h23",
});

const section = (name) => document.querySelector(`[data-section="${name}"]`);
const sources = new WeakMap();  // an item → the markup that it was drawn from

const two = (number) => String(number).padStart(2, "0");

function zoneOf(at) {
  const minutes = -at.getTimezoneOffset();
  const hours = Math.trunc(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return `UTC${minutes < 0 ? "\u2212" : "+"}${hours}${rest ? `:${two(rest)}` : ""}`;
}

function localise(root) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    const at = new Date(element.dateTime);
    const zone = document.createElement("span");
    zone.className = "zone";
    zone.textContent = zoneOf(at);
    element.replaceChildren(`${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())} `, zone);
    element.title = fullTime.format(at);
  }
}

function adopt(item) {
  sources.set(item, item.outerHTML);
  localise(item);
}

function refocus(fresh, left) {
  const [hand] = Object.keys(left.dataset);
  queueMicrotask(() => (fresh.querySelector(`button[data-${hand}]`) ?? fresh.querySelector("button"))?.focus());
}

function redraw(container, markup) {
  const drawn = document.createElement("template");
  drawn.innerHTML = markup;
  const present = new Map([...container.children].map((item) => [item.dataset.key, item]));
  const items = [...drawn.content.children].map((fresh) => {
    const old = present.get(fresh.dataset.key);
    if (old && sources.get(old) === fresh.outerHTML) return old;
    adopt(fresh);
    if (!old) fresh.classList.add("fresh");
    else if (old.contains(document.activeElement)) refocus(fresh, document.activeElement);
    return fresh;
  });
  const wanted = new Set(items);
  for (const item of [...container.children]) if (!wanted.has(item)) item.remove();
  items.forEach((item, place) => {
    if (container.children[place] !== item) container.insertBefore(item, container.children[place] ?? null);
  });
}

async function ask(path, options) {
  const response = await fetch(path, { headers: { accept: "application/json" }, ...options });
  if (response.status === 401) location.assign("/login");
  return response;
}

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
    if (opened) renew("summary", "completeness", "alerts", "clips", "agents", "hotlist");
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
    if (name === "clips") watch();
  });
}

// --- the viewer

const viewer = document.getElementById("viewer");
let watched = null;             // the clip that the viewer waits for
let watching = null;

async function watch() {
  if (!watched) return;
  clearTimeout(watching);
  const clip = watched;
  try {
    const response = await ask(`/fragments/viewer/${clip}`);
    if (clip !== watched) return;
    if (response.ok) {
      viewer.innerHTML = await response.text();
      localise(viewer);
      const state = viewer.firstElementChild.dataset.state;
      if (state === "verified" || state === "failed") {
        watched = null;
        renew("clips", "alerts");
        return;
      }
    }
  } catch {
    viewer.textContent = viewer.dataset.again;
  }
  clearTimeout(watching);
  watching = setTimeout(watch, VIEWER_EVERY_MS);
}

viewer.addEventListener("taken", () => { watched = null; });

async function play(clip) {
  watched = clip;
  const title = document.getElementById("viewer-title");
  title.focus({ preventScroll: true });
  title.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  try {
    const answer = await (await ask(`/api/v1/clips/${clip}/pull`, { method: "POST" })).json();
    if (answer.code) {          // a problem
      watched = null;
      viewer.textContent = `${answer.title}. ${answer.detail}`;
      return;
    }
  } catch {
    viewer.textContent = viewer.dataset.again;
  }
  await watch();
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
  if (button?.dataset.play) play(button.dataset.play);
  if (button?.dataset.remove) removeFromHotlist(button.dataset.remove);
  if (button?.dataset.hold) askToHold(button);
});

for (const container of document.querySelectorAll("[data-section]")) for (const item of container.children) adopt(item);
setInterval(() => renew("agents", "summary", "completeness", "clips"), UNTOLD_EVERY_MS);
listen();
