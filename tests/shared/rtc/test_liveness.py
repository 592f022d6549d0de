"""Who is dead is known within three seconds; who is only quiet, slow or far away is not taken for dead."""

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest
from aiortc import RTCPeerConnection

from tests.shared.rtc.pairs import connected, drop
from vigie_shared.rtc import liveness
from vigie_shared.rtc.liveness import LifeWatch, Liveness, Verdict


def verdicts(life: Liveness, until: float, begin: float = 0.0) -> Iterator[tuple[float, Verdict]]:
    for tick in range(int(begin * 4), int(until * 4)):
        yield tick / 4, life.judge(tick / 4)


def test_a_silent_peer_is_asked_several_times_and_given_up_within_three_seconds() -> None:
    judged = list(verdicts(Liveness(0.0), 4.0))
    assert sum(verdict is Verdict.ASK for _, verdict in judged) >= 6
    dead_at = next(at for at, verdict in judged if verdict is Verdict.DEAD)
    assert dead_at + liveness._TICK_SECONDS <= 3.0


def test_nobody_looks_at_a_busy_peer_more_often_than_needed() -> None:
    life, now, looks = Liveness(0.0), 0.0, 0
    while now < 100:
        life.confirmed(now)
        now, looks = life.look_again_at(now), looks + 1
        assert life.judge(now) is Verdict.ASK, "when it is silent from then on"
    assert looks < 150


def test_any_datagram_is_a_sign_of_life() -> None:
    life = Liveness(0.0)
    for tick in range(40):
        life.heard(tick / 4)
        assert life.judge(tick / 4) is not Verdict.DEAD


def test_a_busy_peer_is_asked_only_now_and_then() -> None:
    life, asked = Liveness(0.0), 0
    for tick in range(400):
        life.heard(tick / 4)
        if life.judge(tick / 4) is Verdict.ASK:
            asked += 1
            life.confirmed(tick / 4)
    assert 20 <= asked <= 25


def test_what_anybody_can_send_proves_no_consent_for_ever() -> None:
    life = Liveness(0.0)
    for tick in range(120):
        life.heard(tick / 4)
    assert life.judge(29.75) is Verdict.ASK
    assert life.judge(30.0) is Verdict.DEAD


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ten times as fast."""
    quick = partial(Liveness, silent_seconds=0.075, dead_seconds=0.275, confirm_seconds=0.4)
    monkeypatch.setattr(liveness, "Liveness", quick)
    monkeypatch.setattr(liveness, "_TICK_SECONDS", 0.025)


@pytest.mark.usefixtures("hasty")
async def test_a_peer_that_vanished_is_noticed_by_the_connection() -> None:
    async with connected() as pair:
        drop(pair.hub, lambda datagram: True)
        await state_reached(pair.hub, "failed", "closed")


@pytest.mark.usefixtures("hasty")
async def test_a_peer_that_says_nothing_but_answers_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: asyncio.Queue[LifeWatch] = asyncio.Queue()
    confirm = LifeWatch.confirm

    def counted(watch: LifeWatch) -> None:
        answers.put_nowait(watch)
        confirm(watch)

    monkeypatch.setattr(LifeWatch, "confirm", counted)
    async with connected() as pair, asyncio.timeout(20):
        for _ in range(30):  # each after 75 ms of silence at the least: far longer than a dead peer is kept
            await answers.get()
        assert pair.agent.connectionState == pair.hub.connectionState == "connected"


@pytest.mark.usefixtures("hasty")
async def test_answers_to_questions_that_the_peer_did_not_believe_do_not_count() -> None:
    async with connected() as pair:
        pair.hub.getTransceivers()[0].receiver.transport.transport._connection.remote_password = "x" * 22
        drop(pair.hub, lambda datagram: datagram[0] != 1)  # answers alone still come
        await state_reached(pair.hub, "failed", "closed")


async def state_reached(connection: RTCPeerConnection, *states: str) -> None:
    changed = asyncio.Event()
    connection.on("connectionstatechange", changed.set)
    async with asyncio.timeout(10):
        while connection.connectionState not in states:
            changed.clear()
            await changed.wait()
