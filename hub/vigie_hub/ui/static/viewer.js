// The viewer: a clip as it comes. The hub draws it; between two drawings the bar moves with what the stream tells.

import { ask, redraw } from "./drawing.js";

const DRAW_EVERY_MS = 1000;
const AGAIN_MS = 2000;
const viewer = document.getElementById("viewer");
let clip = null;                // the one that is looked at
let shape = null;               // what of it is worth drawing at once when it changes
let drawing = false;
let due = null;                 // when the next drawing is, and its timer
let timer = null;

function drawIn(delay) {
  const at = performance.now() + delay;
  if (due !== null && due <= at) return;
  clearTimeout(timer);
  due = at;
  timer = setTimeout(draw, delay);
}

async function draw() {
  if (drawing) return;          // it draws again itself when `due` is set
  drawing = true;
  due = null;
  const asked = clip;
  try {
    const response = asked === null ? null : await ask(`/fragments/viewer/${asked}`);
    const markup = response?.ok ? await response.text() : null;
    if (asked === clip && markup !== null) put(markup);
  } catch {
    if (!viewer.querySelector(".stage")) viewer.textContent = viewer.dataset.again;
    drawIn(AGAIN_MS);
  }
  drawing = false;
  if (due !== null && due <= performance.now()) draw();
}

function put(markup) {
  const before = viewer.querySelector(".stage video");
  const left = before && { at: before.currentTime, plays: !before.paused };
  if (!viewer.querySelector(".stage")) viewer.replaceChildren();
  redraw(viewer, markup);
  const after = viewer.querySelector(".stage video");
  if (left?.plays && after !== before && after) playFrom(after, left.at);
}

// --- playing

function playFrom(video, seconds) {
  const start = () => { video.currentTime = seconds; };
  if (video.readyState >= HTMLMediaElement.HAVE_METADATA) start();
  else video.addEventListener("loadedmetadata", start, { once: true });
  video.play().catch(() => {});  // another source took its place
}

function seek(seconds) {
  const video = viewer.querySelector(".stage video");
  if (!video) return;
  const { film } = video.dataset;
  const goesSoFar = video.dataset.key !== "film" && !(seconds >= video.duration);
  if (film && !goesSoFar) video.src = `${film}?keyframes=${viewer.querySelectorAll("[data-seek]").length}`;
  playFrom(video, seconds);
}

// --- bringing

async function complain(response) {
  const { title, detail } = await response.json();
  viewer.textContent = `${title}. ${detail}`;
  clip = null;
}

export async function bring(wanted, qualities) {
  if (clip !== wanted) viewer.replaceChildren();
  clip = wanted;
  const title = document.getElementById("viewer-title");
  if (!viewer.contains(document.activeElement)) title.focus({ preventScroll: true });
  title.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  try {
    for (const quality of qualities) {
      const response = await ask(`/api/v1/clips/${wanted}/pull?quality=${quality}`, { method: "POST" });
      if (!response.ok) return await complain(response);
    }
  } catch { /* the line is down; drawing says so, and goes on when it is back */ }
  drawIn(0);
}

async function stop(wanted) {
  await ask(`/api/v1/clips/${wanted}/pull`, { method: "DELETE" }).catch(() => {});
  drawIn(0);
}

// --- what the stream tells

export function heard({ clip_id, archive }) {
  if (clip_id !== clip) return;
  const bar = viewer.querySelector("progress");
  if (bar && archive?.of_bytes) [bar.max, bar.value] = [archive.of_bytes, archive.arrived_bytes];
  const now = JSON.stringify(archive && [archive.state, archive.quality, archive.waits, archive.here, archive.keyframes_here]);
  drawIn(now === shape ? DRAW_EVERY_MS : 0);
  shape = now;
}

export function renewViewer() {
  if (clip !== null) drawIn(0);
}

viewer.addEventListener("taken", () => { clip = null; });
viewer.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.seek) seek(Number(button.dataset.seek));
  if (button?.dataset.bring) bring(button.dataset.clip, button.dataset.bring.split(" "));
  if (button?.dataset.stop) stop(button.dataset.stop);
});
