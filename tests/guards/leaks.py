"""Tests that each do one wrong thing, or one right thing that looks like it. `test_guards.py` runs them in a process.

Named so that pytest does not collect them by itself.
"""

import asyncio
import contextlib
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator

import pytest
import structlog

import vigie_shared
from vigie_agent import logs

KEPT: list[object] = []


@pytest.fixture(scope="module", autouse=True)
def short_grace() -> Iterator[None]:
    """What is left here never ends: no use waiting for it."""
    with pytest.MonkeyPatch.context() as patch:
        for guard in ("threads", "tasks", "descriptors"):
            patch.setattr(f"tests.guards.{guard}.GRACE_SECONDS", 0.2)
        yield


def _ours(source: str) -> Callable[[], None]:
    """A function `work` that seems to live in our own code."""
    names: dict[str, Callable[[], None]] = {}
    exec(compile(source, f"{vigie_shared.__path__[0]}/imaginary.py", "exec"), names)
    return names["work"]


sleep_in_our_code = _ours("import time\ndef work(): time.sleep(0.001)")


async def test_loop_blocked() -> None:
    sleep_in_our_code()


async def test_loop_blocked_and_error_swallowed() -> None:
    with contextlib.suppress(Exception):
        sleep_in_our_code()


def test_fine_blocked_without_a_loop() -> None:
    sleep_in_our_code()


async def test_fine_blocked_in_a_thread() -> None:
    await asyncio.to_thread(sleep_in_our_code)


async def test_fine_blocked_by_others() -> None:
    time.sleep(0.001)  # noqa: ASYNC251


def test_thread_left() -> None:
    threading.Thread(target=threading.Event().wait, args=(30,), name="stray", daemon=True).start()


def test_fine_thread_told_to_stop() -> None:
    stop = threading.Event()
    threading.Thread(target=stop.wait).start()
    stop.set()


async def _never() -> None:
    await asyncio.Event().wait()


async def test_task_left() -> None:
    KEPT.append(asyncio.create_task(_never()))


def test_task_left_by_asyncio_run() -> None:
    async def main() -> None:
        KEPT.append(asyncio.create_task(_never()))

    asyncio.run(main())


async def test_fine_task_cancelled() -> None:
    task = asyncio.create_task(_never())
    KEPT.append(task)
    await asyncio.sleep(0)
    task.cancel()


async def test_fine_task_ending() -> None:
    KEPT.append(asyncio.create_task(asyncio.sleep(0.01)))


def test_file_left() -> None:
    KEPT.append(open(__file__, "rb"))  # noqa: PTH123, SIM115


def test_socket_left() -> None:
    KEPT.append(socket.socketpair())


def test_pipe_left() -> None:
    KEPT.append(os.pipe())


def test_fine_file_closed() -> None:
    with open(__file__, "rb") as stream:  # noqa: PTH123
        stream.read()


def test_warning() -> None:
    warnings.warn("old", DeprecationWarning, stacklevel=1)


def test_fine_settings_of_the_caller_hidden() -> None:
    found = {name: value for name, value in os.environ.items() if name.startswith("VIGIE_")}
    assert found == {"VIGIE_LANGUAGE": "en"}


def test_environment_changed() -> None:
    os.environ["VIGIE_HUB__DATA_DIR"] = "elsewhere"


LOG = structlog.get_logger("guards")


def test_fine_loggers_configured_1() -> None:
    logs.configure("error")
    LOG.warning("not heard")


def test_fine_loggers_configured_2_and_heard_by_the_next_test() -> None:
    with structlog.testing.capture_logs() as lines:
        LOG.warning("heard")
    assert [line["event"] for line in lines] == ["heard"]
