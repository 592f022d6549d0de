"""What is read of many batches at once is what is read of each by itself; what is not plain is left to that."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.benchmarks._traffic import batches_of, plate_reads
from tests.shared.samples import events
from tests.shared.test_columns import GOOD, batch_of
from vigie_hub.sync.arrivals import TOGETHER_MIN, Arrival, receive, receive_all
from vigie_hub.sync.lockstep.reads import Found, read_together
from vigie_shared.batches import BATCH_BYTES_MAX, SCHEMA, encode, read_columns
from vigie_shared.columns.kinds import LATEST_US, from_us
from vigie_shared.columns.layouts import NUMBER_OF, PLATE_READ
from vigie_shared.columns.packing import Writer
from vigie_shared.columns.squeezing import PLAIN
from vigie_shared.errors import WireError
from vigie_shared.ids import read_id

TRAFFIC = [encode(batch) for size in (1, 2, 32, 256) for batch in batches_of(plate_reads(512, seed=size), size)]


def alone(payload: bytes) -> Found | None:
    """What a batch says that is read by itself; None where it is refused."""
    try:
        return read_columns(payload, agent_id="rabat-1", lane="lpr", lightly=True)
    except WireError:
        return None


def agrees(payloads: list[bytes]) -> list[bool]:
    """Asserts that all that is found is so; which were plain."""
    found = read_together(payloads)
    for payload, batch in zip(payloads, found, strict=True):
        assert batch is None or batch == alone(payload)
    return [batch is not None for batch in found]


def test_nearly_all_batches_of_traffic_are_plain_and_say_the_same() -> None:
    assert sum(agrees(TRAFFIC)) > 0.95 * len(TRAFFIC)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], max_examples=15, deadline=None)
@given(st.data())
def test_any_batches_whole_or_damaged_say_the_same_or_nothing(data: st.DataObject) -> None:
    whole = encode(batch_of(*data.draw(st.lists(events["lpr"], min_size=1, max_size=9))))
    payloads = [whole, TRAFFIC[-3]]
    for source in (whole, GOOD["lpr"], TRAFFIC[0], TRAFFIC[-3]):
        damaged = bytearray(source)
        place = data.draw(st.integers(0, len(source) - 1))
        damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        payloads += [bytes(damaged), source[: data.draw(st.integers(0, len(source)))]]
    assert agrees([*payloads, TRAFFIC[-3]])[1 :: len(payloads) - 1] == [True, True]


def test_a_batch_with_any_byte_damaged_says_the_same_as_by_itself_or_nothing() -> None:
    (whole,) = (encode(batch) for batch in batches_of(plate_reads(4, seed=5), 4))
    damaged = []
    for place in range(len(whole)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128, 255, whole[place] ^ 65, whole[place] ^ 66, whole[place] ^ 67):
            damaged.append(whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :])
    plain = agrees([*damaged, whole])
    assert plain[-1]
    assert 0 < sum(plain) < len(plain)


def packed(columns: dict[str, list[Any]]) -> bytes:
    """A batch of reads that are told field by field, whatever they are."""
    writer = Writer()
    writer.data += bytes([SCHEMA, *bytes(11), 1, len(columns["at"]) - 1, PLAIN, 1, NUMBER_OF["plate_read"] << 1])
    PLATE_READ.write(writer, columns, len(columns["at"]))
    return bytes(writer.data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("frame_count", 0), ("frame_count", 1_000_001), ("crop_bytes", -1), ("crop_bytes", 1_000_001)),
        *(("confidence", 1.001), ("confidence", -0.001), ("camera_id", "A b"), ("camera_id", "north-" + 27 * "1")),
        *(("text", ""), ("text", 20 * "1|" + "1"), ("plate_kind", 25 * "x"), ("clock_offset_ms", float("inf"))),
        *(("first_seen_at", LATEST_US + 1000), ("at", LATEST_US + 1), ("char_confidences", 33 * (0.5,))),
        ("char_confidences", (0.5, 1.001)),
        ("alternatives", ({"text": "1", "confidence": 1.001},)),
        ("alternatives", ({"text": 33 * "x", "confidence": 0.5},)),
    ],
)
def test_a_value_out_of_its_bounds_is_refused_as_it_is_alone(name: str, value: object) -> None:
    (batch,) = batches_of(plate_reads(8, seed=3), 8)
    _head, (group,) = read_columns(encode(batch), agent_id="rabat-1", lane="lpr")
    assert agrees([packed(group.columns)]) == [True]
    stranger = packed({**group.columns, name: [*group.columns[name][:-1], value]})
    assert agrees([TRAFFIC[0], stranger, TRAFFIC[0]]) == [True, False, True]
    assert alone(stranger) is None


def test_an_edit_beyond_the_text_is_refused_as_it_is_alone() -> None:
    """Edits are places in the text of their read: the same bytes beside a shorter text."""
    (batch,) = batches_of(plate_reads(8, seed=3), 8)
    _head, (group,) = read_columns(encode(batch), agent_id="rabat-1", lane="lpr")
    other = ({"text": "12345|أ|17", "confidence": 0.5},)
    text, columns = "12345|أ|16", group.columns
    derived = [
        read_id(from_us(at), motion, text) for at, motion in zip(columns["at"], columns["motion_id"], strict=True)
    ]
    plain = packed({**columns, "text": [text] * 8, "read_id": derived, "alternatives": [()] * 7 + [other]})
    shorter = plain.replace(_digits(12345, 8), _digits(1, 8), 1)
    assert agrees([plain, TRAFFIC[0]]) == [True, True]
    assert shorter != plain
    assert agrees([shorter, TRAFFIC[0]]) == [False, True]
    assert alone(shorter) is None


def _digits(number: int, count: int) -> bytes:
    """The numbers of as many plates, all the same."""
    writer = Writer()
    writer.ints([number] * count)
    return bytes(writer.data)


def test_what_is_too_large_is_left_to_be_refused_by_itself() -> None:
    assert agrees([TRAFFIC[0], TRAFFIC[1] + bytes(BATCH_BYTES_MAX), TRAFFIC[2], b"", TRAFFIC[3]]) == [
        *(True, False, True, False, True),
    ]


def test_many_messages_are_received_as_each_by_itself() -> None:
    messages = [(f"e.rabat-{place % 3}.lpr", payload) for place, payload in enumerate(TRAFFIC[-TOGETHER_MIN:])]
    messages += [("e.rabat-1.mot", GOOD["mot"]), ("e.rabat-1.lpr", b"\x02no"), ("e.rabat-1.lpr", GOOD["lpr"])]
    messages += [("e.rabat-1", TRAFFIC[0]), ("e.rabat-1.xyz", TRAFFIC[0]), ("e.RABAT 1.lpr", TRAFFIC[0])]
    received = receive_all(messages)
    assert received == [receive(*message) for message in messages]
    assert [type(one) for one in received[:TOGETHER_MIN]] == [Arrival] * TOGETHER_MIN
