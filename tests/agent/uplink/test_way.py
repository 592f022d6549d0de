"""rtnetlink's words: what the kernel of a real machine said, and what this machine's kernel says."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_agent.uplink.way import RTM_NEWROUTE, Way, answer, question

BY_GATEWAY = bytes.fromhex(
    "700000001800000001000000f96d000002200000fe0000010002000008000f00fe00000008000100080808080800040004000000"
    "08000700c000020208000500c0000201080019000000000024000c00020000000000000000000000000000000000000000000000"
    "0000000000000000"
)
BY_GATEWAY_V6 = bytes.fromhex(
    "b00000001800000001000000f96d00000a808000fe0300010000000008000f00fe0000001400010020010db80000000000000000"
    "00000001140002000000000000000000000000000000000014000700fd0000000000000000000000000000020800060000040000"
    "14000500fd000000000000000000000000000001080004000400000024000c0002000000fdd55500000000000000000000000000"
    "0000000000000000000000000500140000000000"
)


def test_an_answer_names_source_interface_and_gateway() -> None:
    assert answer(BY_GATEWAY) == Way("192.0.2.2", 4, "192.0.2.1")
    assert answer(BY_GATEWAY_V6) == Way("fd00::2", 4, "fd00::1")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="rtnetlink is Linux's")
def test_this_kernel_understands_the_question(address: str) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.settimeout(30)
        kernel.send(question(address))
        said = kernel.recv(65_536)
    way = answer(said)
    if way is None:  # a machine without IPv6
        assert struct.unpack_from("=IH", said)[1] != RTM_NEWROUTE
    else:
        assert (way.source, way.gateway) == (address, "")


def test_what_refuses_is_no_way() -> None:
    unreachable = bytearray(BY_GATEWAY)
    unreachable[16 + 7] = 7
    assert answer(bytes(unreachable)) is None
    assert answer(struct.pack("=IHHIIiIHHII", 36, 2, 0, 1, 0, -101, 28, 26, 1, 1, 0)) is None


@given(st.one_of(st.binary(max_size=200), st.integers(0, len(BY_GATEWAY)).map(lambda end: BY_GATEWAY[:end])))
def test_nonsense_is_no_way(datagram: bytes) -> None:
    assert answer(datagram) is None or datagram == BY_GATEWAY


@given(st.data())
def test_a_garbled_answer_raises_nothing(data: st.DataObject) -> None:
    garbled = bytearray(BY_GATEWAY)
    for at in data.draw(st.lists(st.integers(16, len(garbled) - 1), max_size=8)):
        garbled[at] = data.draw(st.integers(0, 255))
    answer(bytes(garbled))
