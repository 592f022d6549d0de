"""Any events that the models allow, and then some: for what must carry every one of them unharmed."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from vigie_shared.events import (
    CameraChanged,
    ClipStored,
    GapRecorded,
    MotionEnded,
    MotionStarted,
    PlateAlternative,
    PlateHit,
    PlatePictured,
    PlateRead,
)
from vigie_shared.ids import read_id, unique_id

YEARS = (datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001 hypothesis adds the zone
ids = st.one_of(
    st.binary(min_size=11, max_size=11).map(bytes.hex),
    st.builds(
        lambda at, chance: unique_id(at)[:12] + chance.hex(),
        st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001
        st.binary(min_size=5, max_size=5),
    ),
)
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32),
    st.builds(
        lambda serial, letter, region: f"{serial}|{letter}|{region}",
        st.integers(1, 99999),
        st.sampled_from("أبدهوط"),
        st.integers(1, 89),
    ),
)
times = st.one_of(
    st.datetimes(*YEARS, timezones=st.just(UTC)),
    st.integers(0, 10_000_000).map(lambda ms: datetime.fromtimestamp(1_772_352_000 + ms / 1000, UTC)),
)
ratios = st.one_of(st.floats(0, 1), st.integers(0, 1000).map(lambda n: n / 1000))
sizes = st.floats(0, allow_infinity=False, allow_nan=False)
boxes = st.tuples(ratios, ratios, ratios, ratios)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True)
codecs = st.text(st.characters(exclude_categories=["Cs"]), max_size=16)
base = {
    "at": times,
    "camera_id": names,
    "clock_source": st.sampled_from(["system", "ntp", "gnss", "camera"]),
    "clock_offset_ms": st.none() | st.floats(allow_infinity=False, allow_nan=False) | st.just(1.25),
}
alternatives = st.lists(st.builds(PlateAlternative, text=texts | st.just(""), confidence=ratios), max_size=8).map(tuple)


@st.composite
def plate_reads(draw: st.DrawFn) -> PlateRead:
    """A read; its id is mostly its motion's child, as the agent makes it."""
    at, text, motion_id = draw(times), draw(texts), draw(st.none() | ids)
    derived = motion_id is not None and at.year >= 1970 and draw(st.booleans())
    return PlateRead(
        **{name: draw(strategy) for name, strategy in base.items() if name != "at"},
        at=at,
        text=text,
        motion_id=motion_id,
        read_id=read_id(at, motion_id, text) if derived and motion_id else draw(ids),
        plate_kind=draw(st.sampled_from(["civil", "ww", "unheard of", ""])),
        confidence=draw(ratios),
        uncertain=draw(st.booleans()),
        char_confidences=tuple(draw(st.lists(ratios, max_size=32))),
        alternatives=draw(alternatives),
        frame_count=draw(st.integers(1, 1_000_000)),
        first_seen_at=draw(times),
        last_seen_at=at if draw(st.booleans()) else draw(times),
        direction=draw(st.sampled_from(["approaching", "receding", "left", "right", "still"])),
        box=draw(boxes),
        crop_bytes=draw(st.integers(0, 1_000_000)),
    )


pixels = st.integers(1, 65_535)
events = {
    "lpr": plate_reads(),
    "mot": st.one_of(
        st.builds(MotionStarted, **base, motion_id=ids, score=sizes, region=boxes),
        st.builds(MotionEnded, **base, motion_id=ids, peak_score=sizes),
    ),
    "hit": st.builds(
        PlateHit,
        **base,
        hit_id=ids,
        read=plate_reads(),
        entry_id=ids,
        list_id=names,
        list_version=st.integers(1, (1 << 53) - 1),
        rule=st.text(st.characters(exclude_categories=["Cs"]), max_size=32) | st.just("exact"),
        list_age_seconds=sizes,
        check_only=st.booleans(),
        retro=st.booleans(),
        picture=st.binary(max_size=300),
    ),
    "crop": st.builds(PlatePictured, **base, read_id=ids, picture=st.binary(min_size=1, max_size=300)),
    "clip": st.builds(
        ClipStored,
        **base,
        clip_id=ids,
        motion_id=st.none() | ids,
        ended_at=times,
        bytes=st.integers(1, 1 << 40),
        sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
        codec=codecs,
        width_px=pixels,
        height_px=pixels,
    ),
    "hlt": st.one_of(
        st.builds(
            GapRecorded,
            **base,
            gap_id=ids,
            ended_at=times,
            reason=st.sampled_from(["camera_lost", "disk_full", "disk_error", "overwritten", "agent_down", "overload"]),
            clip_id=st.none() | ids,
            signature=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=128),
        ),
        st.builds(
            CameraChanged,
            **base,
            state=st.sampled_from(["streaming", "lost"]),
            codec=codecs,
            width_px=st.integers(0, 65_535),
            height_px=st.integers(0, 65_535),
            detail=st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
        ),
    ),
}
