"""Begins the ends of live views, each a process in a network of its own, from one that has imported all they need.

Started as `python -m tests.hub.video.live.reach_company`. A line on stdin, `[who, [namespace, …], role, [url, …],
asked]`, begins one; what they say comes on stdout, a line of JSON each. They end with this process.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Final

from tests.hub.video.live import reach_ends

_PR_SET_PDEATHSIG: Final = 1


def play(who: int, spaces: Sequence[str], role: str, urls: list[str], asked: dict[str, Any]) -> None:
    """The whole life of one of them."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for space in spaces:  # setns(2); Python has it from 3.12
        handle = os.open(space, os.O_RDONLY)
        if libc.setns(handle, 0):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), space)
        os.close(handle)
    reach_ends.who = who
    reach_ends.say(pid=os.getpid())
    asyncio.run(reach_ends.main(role, urls, asked))


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever is gone is not waited for
    for line in iter(sys.stdin.readline, ""):
        if os.fork() == 0:
            try:
                play(*json.loads(line))
            finally:
                sys.stdout.flush()
                os._exit(1)


if __name__ == "__main__":
    main()
