"""Tables of names say how many they hold and what goes into them; a doubtful one is left alone."""

import numpy as np
import pytest

from vigie_hub.sync.lockstep.cursors import Cursors
from vigie_hub.sync.lockstep.tables import tables
from vigie_shared.columns.composed import HOLE, Cameras
from vigie_shared.columns.kinds import Names
from vigie_shared.columns.packing import Writer
from vigie_shared.ids import NAME_PATTERN

CAMERAS = Cameras(32, NAME_PATTERN)


def table(*names: str) -> bytes:
    writer = Writer()
    writer.names(names)
    if len(names) > 1:  # and after the table, which is which: a header and so many bits each
        size = 1 + ((len(names) - 1).bit_length() * len(names) + 7) // 8
        del writer.data[-size:]
    return bytes(writer.data)


def test_names_and_the_numbers_that_go_into_them_are_counted_in_each_batch() -> None:
    batches = [table(f"north-{HOLE}", f"south-{HOLE}"), table("gate"), table(f"c{HOLE}-{HOLE}"), b"\xff"]
    cursors = Cursors(batches)
    sizes, holes, most = tables(cursors, np.array([True, True, True, False]), CAMERAS)
    assert (sizes.tolist(), holes.tolist()) == ([2, 1, 1, 0], [1, 0, 2, 0])
    assert most[0] == 10**18 - 1
    assert cursors.ok.all()
    assert (cursors.at == cursors.ends).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    "doubtful",
    [
        pytest.param(b"\x00", id="no names"),
        pytest.param(b"\xff\x01", id="more than there can be"),
        pytest.param(table("x" * 15), id="a long name"),
        pytest.param(b"\x01\xe1\xffa", id="a word that is none"),
        pytest.param(b"\x01\x02\xff\xfe", id="not UTF-8"),
        pytest.param(table("A b"), id="a name that cannot be"),
    ],
)
def test_what_is_not_plain_drops_its_batch_and_no_other(doubtful: bytes) -> None:
    cursors = Cursors([table("gate"), doubtful, table("gate")])
    sizes, _holes, _most = tables(cursors, np.array([True, True, True]), CAMERAS)
    assert cursors.ok.tolist() == [True, False, True]
    assert sizes.tolist() == [1, 0, 1]


def test_a_table_holds_for_the_column_in_which_it_was_read() -> None:
    raw = table("A b")
    for column, is_plain in ((Names(24), True), (CAMERAS, False), (Names(24), True)):
        cursors = Cursors([raw])
        tables(cursors, np.array([True]), column)
        assert cursors.ok.tolist() == [is_plain]
