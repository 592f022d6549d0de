// When a live view falls back to one JPEG a second, and when it tries media again. Decides only: times are milliseconds that the caller hands
// in, and what follows from `media` and `stills` is the caller's to do.
//
//   media on ──5 s without a picture, 20 s after one, three breaks in a minute──→ both ──15 s, still none──→ stills, media resting
//      ↑                                                                            │ a picture                  │ 30 s, then twice as long
//      └────────────────────────────────────────────────────────────────────────────┘ ←──────────────────────────┘ each time, up to 4 min

export const QUIET_MS = 5_000;          // since media was begun, or since it said that something is wrong
export const STALL_MS = 20_000;         // since the last picture: keyframes alone may be far apart
export const TRY_MS = 15_000;
export const REST_MS = 30_000;
export const REST_MS_MAX = 240_000;
export const STEADY_MS = 30_000;        // media that broke again sooner rests at once
export const BREAKS_MAX = 3;
export const BREAKS_MS = 60_000;

export class Fallback {
  media = "on";                         // or "resting"
  stills = false;
  #begunAt;
  #troubledAt;
  #pictureAt = null;
  #backAt = null;
  #breaks = [];
  #restMs = REST_MS;
  #againAt = null;

  constructor(now) {
    this.#begunAt = this.#troubledAt = now;
  }

  // Media shows a picture.
  picture(now) {
    if (this.media === "resting") return;
    if (this.stills) this.#backAt = now;
    this.stills = false;
    this.#troubledAt = null;
    this.#pictureAt = now;
    if (this.#backAt !== null && now - this.#backAt >= STEADY_MS) {
      this.#restMs = REST_MS;
      this.#backAt = null;
    }
  }

  // Media says that something is wrong; said again, it changes nothing.
  trouble(now) {
    if (this.#troubledAt !== null) return;
    this.#troubledAt = now;
    this.#breaks = [...this.#breaks.filter((at) => now - at < BREAKS_MS), now];
    const isBackAndGone = this.#backAt !== null && now - this.#backAt < STEADY_MS;
    if (isBackAndGone || this.#breaks.length >= BREAKS_MAX) this.#rest(now);
  }

  // Time passes.
  tick(now) {
    const isQuiet = this.#troubledAt !== null ? now - this.#troubledAt >= QUIET_MS : now - this.#pictureAt >= STALL_MS;
    if (this.media === "resting") {
      if (now >= this.#againAt) this.#again(now);
    } else if (!this.stills) {
      this.stills = isQuiet;
    } else if (now - Math.max(this.#begunAt, this.#troubledAt ?? this.#pictureAt) >= TRY_MS) {
      this.#rest(now);
    }
  }

  #again(now) {
    this.media = "on";
    this.#begunAt = this.#troubledAt = now;
  }

  #rest(now) {
    this.media = "resting";
    this.stills = true;
    this.#breaks = [];
    this.#againAt = now + this.#restMs;
    this.#restMs = Math.min(2 * this.#restMs, REST_MS_MAX);
  }
}
