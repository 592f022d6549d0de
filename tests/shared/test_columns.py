"""What goes in as columns comes out as it was, whatever it is; and what strangers send does no harm."""

from dataclasses import replace
from typing import get_args

import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.shared.samples import events, ids
from tests.shared.test_events import ALL, ID
from vigie_shared.batches import EVENTS_MAX, SCHEMA, Batch, decode, encode, head_of, read_columns
from vigie_shared.columns.events import Group
from vigie_shared.columns.identifiers import Ids
from vigie_shared.columns.layouts import LAYOUTS, NUMBER_OF
from vigie_shared.columns.packing import Reader, Writer
from vigie_shared.columns.reads import ReadIds
from vigie_shared.columns.squeezing import expand, squeeze
from vigie_shared.errors import WireError
from vigie_shared.events import KINDS, AnyEvent, Lane, PlateAlternative, PlateRead, lane_of

LANES = sorted(events)


def batch_of(*found: AnyEvent, epoch: str = "0" * 22, first_seq: int = 1) -> Batch:
    return Batch(agent_id="rabat-1", epoch=epoch, lane=lane_of(found[0]), first_seq=first_seq, events=found)


def back(payload: bytes, lane: Lane) -> Batch:
    return decode(payload, agent_id="rabat-1", lane=lane)


@pytest.mark.parametrize("lane", LANES)
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=25, deadline=None)
@given(st.data(), ids, st.integers(1, (1 << 53) - 100))
def test_any_events_come_back_as_they_were(lane: str, data: st.DataObject, epoch: str, first_seq: int) -> None:
    found = data.draw(st.lists(events[lane], min_size=1, max_size=9))
    batch = batch_of(*found, epoch=epoch, first_seq=first_seq)
    assert back(encode(batch), batch.lane) == batch
    head, groups = read_columns(encode(batch), agent_id="rabat-1", lane=lane, lightly=True)
    assert (head.last_seq, {group.kind for group in groups}) == (batch.last_seq, {event.kind for event in found})


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.kind)
def test_a_full_batch_of_each_kind_comes_back(event: AnyEvent) -> None:
    batch = batch_of(*(event for _each in range(EVENTS_MAX)))
    assert back(encode(batch), batch.lane) == batch


def test_every_kind_has_its_layout_with_every_field() -> None:
    assert set(NUMBER_OF) == KINDS
    for kind, layout in LAYOUTS.values():
        event = next(event for event in ALL if event.kind == kind)
        assert layout.names == set(type(event).model_fields) - {"kind"}


@given(st.lists(st.integers(-(1 << 62), 1 << 62) | st.integers(-9, 300), max_size=90))
def test_integers_come_back(values: list[int]) -> None:
    writer = Writer()
    writer.ints(values)
    assert Reader(bytes(writer.data)).ints(len(values), -(1 << 62), 1 << 62) == values


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(["north-1", "cam-02"]))
)
@example(["cam" + "x" * 30, "cam" + "x" * 29 + "y"])
def test_names_come_back(values: list[str]) -> None:
    writer = Writer()
    writer.names(values or ["one"])
    assert Reader(bytes(writer.data)).names(len(values or ["one"]), 200) == (values or ["one"])


@given(st.binary(max_size=2000))
def test_what_is_squeezed_comes_back(body: bytes) -> None:
    writer = Writer()
    squeeze(writer, body)
    assert expand(Reader(bytes(writer.data)), 2000) == body


# --- strangers

DOUBTFUL = next(event for event in ALL if isinstance(event, PlateRead)).model_copy(
    update={
        "uncertain": True,
        "char_confidences": (0.5, 0.25),
        "alternatives": (
            PlateAlternative(text="12346|أ|6", confidence=0.25),
            PlateAlternative(text="1|ب|8", confidence=0.1),
        ),
    }
)
GOOD = {lane: encode(batch_of(*(event for event in [*ALL, DOUBTFUL] if lane_of(event) == lane))) for lane in LANES}


def lightened(group: Group) -> Group:
    """What a light reader gives of a group that was read whole."""
    if not group.columns:
        return group
    layout = LAYOUTS[NUMBER_OF[group.kind]][1]
    columns = {name: group.columns[name] for name in layout.wanted}
    for name in layout.ids & columns.keys():
        columns[name] = [value and int(value, 16) for value in columns[name]]
    return replace(group, columns=columns)


def survives(payload: bytes, lane: str) -> None:
    """It is refused with one line, or it is a batch in which every event obeys its model."""
    try:
        batch = decode(payload, agent_id="rabat-1", lane=lane)
        head, groups = read_columns(payload, agent_id="rabat-1", lane=lane)
    except WireError as refusal:
        line = str(refusal)
    else:
        line = ""
    try:
        light_head, light = read_columns(payload, agent_id="rabat-1", lane=lane, lightly=True)
    except WireError:
        assert line, "only a light reader refuses it"
    else:
        assert not line, "a light reader believes it"
        assert (light_head, light) == (head, [lightened(group) for group in groups])
    if line:
        assert "\n" not in line
        assert len(line) < 400
        return
    assert head.count == len(batch.events) == sum(len(group.rows()) for group in groups)
    assert Batch.model_validate(batch.model_dump(by_alias=True)) == batch


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(LANES))
def test_noise_is_refused(noise: bytes, lane: str) -> None:
    survives(bytes([SCHEMA]) + noise, lane)
    survives(GOOD[lane][:16] + noise, lane)
    head_of(bytes([SCHEMA]) + noise)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(LANES))
def test_a_batch_with_some_bytes_changed_is_refused_or_sound(data: st.DataObject, lane: str) -> None:
    payload = bytearray(GOOD[lane])
    for place in data.draw(st.lists(st.integers(0, len(payload) - 1), min_size=1, max_size=4)):
        payload[place] = data.draw(st.integers(0, 255))
    survives(bytes(payload[: data.draw(st.integers(1, len(payload)))]), lane)
    survives(bytes(payload), lane)


@pytest.mark.parametrize("lane", LANES)
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=20, deadline=None)
@given(st.data())
def test_any_batch_whole_or_damaged_is_the_same_to_a_light_reader(lane: str, data: st.DataObject) -> None:
    payload = bytearray(encode(batch_of(*data.draw(st.lists(events[lane], min_size=1, max_size=9)))))
    survives(bytes(payload), lane)
    for _damage in range(8):
        damaged = bytearray(payload)
        place = data.draw(st.integers(13, len(payload) - 1))
        damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        survives(bytes(damaged), lane)


def test_each_byte_of_a_batch_of_reads_damaged_in_any_way_is_the_same_to_a_light_reader() -> None:
    whole = bytearray(GOOD["lpr"])
    for place in range(len(whole)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128, 255, whole[place] ^ 65, whole[place] ^ 66, whole[place] ^ 67):
            damaged = bytearray(whole)
            damaged[place] ^= change
            survives(bytes(damaged), "lpr")


@pytest.mark.parametrize(
    ("event", "name"),
    [
        pytest.param(event, name, id=f"{event.kind}-{name}")
        for event in ALL
        for name in sorted(LAYOUTS[NUMBER_OF[event.kind]][1].ids)
        if name != "read_id" or event.kind != "plate_read"
    ],
)
def test_an_id_may_be_missing_in_columns_just_where_it_may_in_the_event(event: AnyEvent, name: str) -> None:
    payload = encode(batch_of(event, event.model_copy(update={name: None})))
    for lightly in (False, True):
        if type(event).model_fields[name].is_required():
            with pytest.raises(WireError, match="an id is missing"):
                read_columns(payload, agent_id="rabat-1", lane=lane_of(event), lightly=lightly)
        else:
            read_columns(payload, agent_id="rabat-1", lane=lane_of(event), lightly=lightly)


def test_a_read_without_its_id_is_believed_by_no_reader() -> None:
    writer = Writer()
    Ids(optional=True).write(writer, [None, ID], [1000, 1000])
    origins = ([1000, 1000], [None, None], ["1", "1"])
    for read in (ReadIds().read, ReadIds().numbers):
        with pytest.raises(WireError, match="an id is missing"):
            read(Reader(bytes(writer.data)), 2, origins)
    with pytest.raises(WireError, match="an id is missing"):
        ReadIds().check(Reader(bytes(writer.data)), 2, (origins[0], False, origins[2]))


HEAD = bytes([SCHEMA]) + bytes(11) + b"\x01\x00"


def squeezed(body: bytes, claimed: int) -> bytes:
    writer = Writer()
    writer.data += HEAD + b"\x01"
    writer.varint(claimed)
    settings = zstandard.ZstdCompressionParameters.from_level(
        19, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False
    )
    writer.data += zstandard.ZstdCompressor(compression_params=settings).compress(body)
    return bytes(writer.data)


@pytest.mark.parametrize(
    "payload",
    [
        squeezed(bytes(1 << 26), 1 << 20),
        squeezed(bytes(1 << 26), 1 << 62),
        squeezed(b"x" * 100, 7),
        HEAD + b"\x09" + bytes(20),
        HEAD + b"\x00" + b"\x01" + b"\xff" * 9 + b"\x01",
        HEAD + b"\x00" + b"\x01\x00" + b"\x05alarm" + b"\xff\xff\x3f" + b"[" * 50_000,
        HEAD + b"\x00" + b"\x01\x00" + b"\x05alarm" + b"\xa0\x8d\x06" + b"[" * 100_000,
        HEAD + b"\x00" + b"\x01\x00" + b"\x05alarm" + b"\x02" + b"{}",
        HEAD + b"\x00" + b"\x01\x00" + b"\x03\xff\xff\xff" + b"\x02" + b"[]",
        bytes([SCHEMA]) + bytes(11) + b"\x00\x00" + b"\x00",
        bytes([SCHEMA]) + bytes(11) + b"\x01\xff\x7f" + b"\x00",
        bytes([SCHEMA + 1]) + bytes(40),
    ],
    ids=[
        "a bomb of zeros",
        "a bomb that says so",
        "another size than said",
        "an unknown dictionary",
        "a huge kind",
        "brackets cut short",
        "deep brackets",
        "an object for a list",
        "a kind that is no text",
        "sequence 0",
        "too many events",
        "a newer schema",
    ],
)
def test_what_is_meant_to_hurt_is_one_clear_line(payload: bytes) -> None:
    with pytest.raises(WireError, match=r"^batch of rabat-1") as caught:
        decode(payload, agent_id="rabat-1", lane="hlt")
    assert "\n" not in str(caught.value)


def test_a_kind_that_has_no_place_in_models_is_told_apart() -> None:
    assert set(get_args(Lane)) == set(LANES)
