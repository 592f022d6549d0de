"""Network namespaces that reach each other only as a rule allows: firewalls, and boxes that get another address.

Started by `star.py` as `python -m tests.links.islands` with JSON `{"islands": [[address, …], …], "rules": [[…], …]}`;
prints where the namespaces are, then answers each line on stdin (new rules, `{address: island}` or null) with what
passed. Each island has one TUN device; an island is wherever its packets come from, so an address may move. Ends when
stdin does.
"""

import ipaddress
import json
import os
import select
import struct
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from tests.links.bridge import DEVICE, READ_BYTES, READS_MAX, become_root_of_a_new_namespace, new_namespace

CONFIGURE: Final = ("link set lo up", "link set {device} addrgenmode none", "link set {device} mtu 1500 up")
_PROTOCOLS: Final = {6: "tcp", 17: "udp"}
_TAG_BYTES: Final = 10
_RTP_HEADER_BYTES: Final = 12


@dataclass(frozen=True)
class Packet:
    """What a firewall sees."""

    source: str
    target: str
    protocol: str
    ports: tuple[int, int]
    payload: bytes

    @classmethod
    def parse(cls, packet: bytes) -> "Packet | None":
        """Of an IP packet; None for what is neither TCP nor UDP, nor whole."""
        if packet[0] >> 4 == 4:
            header, number, at, end = (packet[0] & 15) * 4, packet[9], 12, 4
        else:
            header, number, at, end = 40, packet[6], 8, 16
        protocol = _PROTOCOLS.get(number)
        if protocol is None or len(packet) < header + 8:
            return None
        source, target = (str(ipaddress.ip_address(packet[at + n * end : at + (n + 1) * end])) for n in (0, 1))
        ports = struct.unpack_from("!HH", packet, header)
        return cls(source, target, protocol, ports, packet[header + 8 :] if protocol == "udp" else b"")


def rtp_payload_bytes(datagram: bytes) -> int | None:
    """Of an SRTP packet (RFC 3711 with a tag of 80 bits), within a TURN channel or not; None for anything else."""
    if len(datagram) > 4 and 0x40 <= datagram[0] < 0x50:
        datagram = datagram[4 : 4 + struct.unpack_from("!H", datagram, 2)[0]]
    if len(datagram) < _RTP_HEADER_BYTES + _TAG_BYTES or datagram[0] >> 6 != 2 or 192 <= datagram[1] < 224:
        return None
    header = _RTP_HEADER_BYTES + (datagram[0] & 15) * 4
    if datagram[0] & 16:
        header += 4 + 4 * struct.unpack_from("!H", datagram, header + 2)[0]
    return len(datagram) - header - _TAG_BYTES


class Sea:
    """Between the islands."""

    def __init__(self, devices: list[int], rules: list[list[object]]) -> None:
        """A rule is a protocol and a port (null: any) that one of the two must have, and who must be one of the two."""
        self._devices = devices
        self._homes: dict[str, int] = {}
        self.begin(rules)

    def begin(self, rules: list[list[object]]) -> None:
        """Other rules, and counts from nothing."""
        self._rules = rules
        self._passed: dict[str, int] = {}
        self._refused: dict[str, int] = {}
        self._rtp_payload_bytes_max = 0

    def settle(self, address: str, island: int) -> None:
        """An address is there now."""
        self._homes[address] = self._devices[island]

    def cross(self) -> bool:
        """Carry what waits; False where stdin has something to say."""
        readable, _, _ = select.select([0, *self._devices], [], [])
        for device in self._devices:
            if device in readable:
                with suppress(BlockingIOError):
                    for _ in range(READS_MAX):
                        self._carry(os.read(device, READ_BYTES), device)
        return 0 not in readable

    def _carry(self, raw: bytes, device: int) -> None:
        packet = Packet.parse(raw)
        if packet is None:
            return
        self._homes[packet.source] = device
        name = f"{packet.protocol} {packet.source} {packet.target}"
        target = self._homes.get(packet.target)
        if target is None or not any(_allows(rule, packet) for rule in self._rules):
            self._refused[name] = self._refused.get(name, 0) + 1
            return
        self._passed[name] = self._passed.get(name, 0) + 1
        self._rtp_payload_bytes_max = max(self._rtp_payload_bytes_max, rtp_payload_bytes(packet.payload) or 0)
        with suppress(OSError):  # the device is down: lost, as on a road
            os.write(target, raw)

    def said(self) -> str:
        """What passed so far, as JSON."""
        counts = {"passed": self._passed, "refused": self._refused}
        return json.dumps({**counts, "rtp_payload_bytes_max": self._rtp_payload_bytes_max})


def _allows(rule: list[object], packet: Packet) -> bool:
    protocol, port, *hosts = rule
    return (
        protocol == packet.protocol
        and (port is None or port in packet.ports)
        and all(host in (packet.source, packet.target) for host in hosts)
    )


def make_island(addresses: list[str]) -> tuple[int, int]:
    """Descriptors of its device and of its namespace."""
    device, network = new_namespace()
    lines = [line.format(device=DEVICE) for line in CONFIGURE]
    for address in addresses:
        is_v6 = ":" in address
        lines += [f"address add {address}/{64 if is_v6 else 24} dev {DEVICE}" + " nodad" * is_v6]
        lines += [f"{'-6 ' * is_v6}route add default dev {DEVICE}"]
    for line in lines:
        subprocess.run(["ip", *line.split()], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return device, network


def main() -> int:
    """Make the islands; a refusal is one line on stderr."""
    asked = json.loads(sys.argv[1])
    try:
        if os.geteuid():
            become_root_of_a_new_namespace()
        islands = [make_island(addresses) for addresses in asked["islands"]]
    except (OSError, subprocess.CalledProcessError) as error:
        print(getattr(error, "stderr", None) or error, file=sys.stderr)
        return 1
    sea = Sea([device for device, _network in islands], asked["rules"])
    for island, addresses in enumerate(asked["islands"]):
        for address in addresses:
            sea.settle(address, island)
    print(json.dumps([network for _device, network in islands]), flush=True)
    while True:
        if sea.cross():
            continue
        if not (line := sys.stdin.readline()):
            return 0
        match json.loads(line):
            case list(rules):
                sea.begin(rules)
            case dict(moved):
                for address, island in moved.items():
                    sea.settle(address, island)
        print(sea.said(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
