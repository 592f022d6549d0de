// Draws markup of the hub into the page: swaps only the items that differ, so that what is looked at, read aloud or
// played stays. An item has a `data-key`; one with `data-within` stays itself, and its own items are swapped.

const language = document.documentElement.lang;
const fullTime = new Intl.DateTimeFormat(language === "ar" ? "ar-MA" : language, {
  dateStyle: "full", timeStyle: "long", numberingSystem: "latn", hourCycle: "h23",
});
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

export function adopt(item) {
  sources.set(item, item.outerHTML);
  for (const inner of "within" in item.dataset ? item.children : []) adopt(inner);
  localise(item);
}

function refocus(fresh, left) {
  const [hand] = Object.keys(left.dataset);
  queueMicrotask(() => (fresh.querySelector(`button[data-${hand}]`) ?? fresh.querySelector("button"))?.focus());
}

function adapt(old, fresh) {
  sources.set(old, fresh.outerHTML);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  redraw(old, fresh.innerHTML);
}

export function redraw(container, markup) {
  const drawn = document.createElement("template");
  drawn.innerHTML = markup;
  const present = new Map([...container.children].map((item) => [item.dataset.key, item]));
  const items = [...drawn.content.children].map((fresh) => {
    const old = present.get(fresh.dataset.key);
    if (old && sources.get(old) === fresh.outerHTML) return old;
    if (old && "within" in fresh.dataset) {
      adapt(old, fresh);
      return old;
    }
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

export async function ask(path, options) {
  const response = await fetch(path, { headers: { accept: "application/json" }, ...options });
  if (response.status === 401) location.assign("/login");
  return response;
}
