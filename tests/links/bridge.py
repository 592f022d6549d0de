"""Two network namespaces and the wire between them: this process makes both, and they go with it.

Each namespace has one TUN device and one address; nothing outside them can be reached. Started by `emulated.py` as
`python -m tests.links.bridge` with two conditions and a seed as JSON; prints where the namespaces are, then answers
each line on stdin (new conditions, or none) with the counts. Ends when stdin does.
"""

import ctypes
import fcntl
import json
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.links.line import Conditions, Line

ADDRESSES: Final = ("10.77.0.1", "10.77.0.2")
DEVICE: Final = "link0"
CONFIGURE: Final = (
    "link set lo up",
    "link set {device} addrgenmode none",  # else the kernel's IPv6 chatter would draw lots of the losses
    "address add {address}/24 dev {device}",
    "link set {device} mtu 1500 txqueuelen 20000 up",
    "route add default dev {device}",
)
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x1001
READ_BYTES: Final = 2048
READS_MAX: Final = 64
_NICENESS: Final = -10
"""A relay that waits for the processor is a slower link."""


def unshare(flags: int) -> None:
    """Leave the present namespaces for new ones (unshare(2); Python has it from 3.12)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "unshare")


def become_root_of_a_new_namespace() -> None:
    """Who is not root may make networks only where it is (user_namespaces(7))."""
    uid, gid = os.getuid(), os.getgid()
    unshare(_CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1", encoding="ascii")


def new_namespace() -> tuple[int, int]:
    """A new network namespace, entered, with a TUN device: descriptors of the device and of the namespace."""
    unshare(_CLONE_NEWNET)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN_NO_PI))
    return device, os.open("/proc/self/ns/net", os.O_RDONLY)


def make_end(address: str) -> tuple[int, int]:
    """One end of the wire: descriptors of its device and of its namespace."""
    device, network = new_namespace()
    for line in CONFIGURE:
        command = ["ip", *line.format(device=DEVICE, address=address).split()]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return device, network


def carry(devices: tuple[int, int], lines: tuple[Line, Line]) -> None:
    """Until stdin ends."""
    ways = ((devices[0], devices[1], lines[0]), (devices[1], devices[0], lines[1]))
    while True:
        moments = [at for line in lines if (at := line.next_at()) is not None]
        timeout = max(0.0, min(moments) - time.monotonic()) if moments else None
        readable, _, _ = select.select([0, *devices], [], [], timeout)
        for source, target, line in ways:
            if source in readable:
                _take_in(source, line)
            _hand_out(target, line.due(time.monotonic()))
        if 0 in readable and not _answer(lines):
            return


def _take_in(source: int, line: Line) -> None:
    with suppress(BlockingIOError):
        for _ in range(READS_MAX):
            packet = os.read(source, READ_BYTES)
            if packet[0] >> 4 == 4:
                line.feed(packet, time.monotonic())


def _hand_out(target: int, packets: Iterable[bytes]) -> None:
    for packet in packets:
        with suppress(OSError):  # the device is down, or its namespace full: lost, as on a road
            os.write(target, packet)


def _answer(lines: tuple[Line, Line]) -> bool:
    asked = sys.stdin.readline()
    if not asked:
        return False
    for line, conditions in zip(lines, json.loads(asked), strict=False):
        line.conditions = Conditions(**conditions)
    print(json.dumps([line.count.as_dict() for line in lines]), flush=True)
    return True


def main() -> int:
    """Make the link; a refusal is one line on stderr."""
    asked = json.loads(sys.argv[1])
    try:
        if os.geteuid():
            become_root_of_a_new_namespace()
        ends = [make_end(address) for address in ADDRESSES]
    except (OSError, subprocess.CalledProcessError) as error:
        print(getattr(error, "stderr", None) or error, file=sys.stderr)
        return 1
    with suppress(PermissionError):
        os.nice(_NICENESS)
    forth, back = (Line(Conditions(**way), asked["seed"] + n) for n, way in enumerate(asked["ways"]))
    print(json.dumps([network for _device, network in ends]), flush=True)
    carry((ends[0][0], ends[1][0]), (forth, back))
    return 0


if __name__ == "__main__":
    sys.exit(main())
