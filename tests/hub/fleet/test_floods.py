from collections.abc import Iterator

from vigie_hub.bus.traffic import Load, Traffic
from vigie_hub.fleet.floods import (
    BYTES_BURST,
    LOOK_BYTES,
    LOOK_MESSAGES,
    MESSAGES_BURST,
    MESSAGES_PER_SECOND,
    SESSION_MESSAGES,
    SESSIONS_MAX,
    Flood,
    Floods,
    Looks,
)


def seen(messages: float, bytes_: float = 0, *, number: int = 1, key: str = "UA", age: float = 0.0) -> list[Traffic]:
    return [Traffic(key, ("server", number), int(messages), int(bytes_), age)]


def seconds(count: int) -> Iterator[float]:
    return (float(second) for second in range(count))


def test_an_agent_that_sends_what_its_receipts_allow_is_never_a_flood() -> None:
    floods = Floods()
    for now in seconds(600):
        assert floods.feed(seen(400 * now, 2e6 * now), now) == []


def test_a_flood_is_seen_at_the_first_look_after_it_began() -> None:
    floods = Floods()
    assert floods.feed(seen(10), 0.0) == []
    assert floods.feed(seen(10 + MESSAGES_BURST + 1, 70), 0.0) == [Flood("UA", int(MESSAGES_BURST) + 1, 70)]


def test_bytes_count_as_messages_do() -> None:
    assert Floods().feed(seen(3, BYTES_BURST + 1), 0.0) == [Flood("UA", 3, int(BYTES_BURST) + 1)]


def test_all_connections_of_a_key_are_one() -> None:
    floods, half = Floods(), MESSAGES_BURST * 0.6
    assert floods.feed(seen(half, number=1) + seen(half, number=2), 0.0) == [Flood("UA", int(half) * 2, 0)]


def test_one_that_reconnects_begins_no_new_allowance() -> None:
    floods = Floods()
    assert floods.feed(seen(MESSAGES_BURST * 0.6, number=1), 0.0) == []
    assert floods.feed(seen(MESSAGES_BURST * 0.6, number=2), 0.1) != []


def test_a_long_connection_that_a_new_hub_finds_has_done_nothing_wrong() -> None:
    floods, day = Floods(), 24 * 3600.0
    assert floods.feed(seen(MESSAGES_PER_SECOND * day * 0.5, age=day), 0.0) == []
    assert floods.feed(seen(MESSAGES_PER_SECOND * day * 0.5 + 100, age=day + 1), 1.0) == []


def test_one_agent_s_flood_is_not_another_s() -> None:
    floods = Floods()
    found = floods.feed(seen(MESSAGES_BURST * 2) + seen(5, number=2, key="UB"), 0.0)
    assert [flood.key for flood in found] == ["UA"]


def test_one_that_logs_in_again_and_again_is_a_flood() -> None:
    floods = Floods()
    logins = next(number for number in range(1000) if floods.came("UA", 1, 0.0))
    assert logins == MESSAGES_BURST // SESSION_MESSAGES


def test_one_that_hoards_connections_slowly_is_a_flood() -> None:
    floods = Floods()
    assert [bool(floods.came("UA", count, 60.0 * count)) for count in range(1, SESSIONS_MAX + 2)] == (
        [False] * SESSIONS_MAX + [True]
    )


def test_connections_are_looked_at_once_enough_came_for_a_flood() -> None:
    looks, half = Looks(), int(LOOK_MESSAGES) // 2
    assert looks.feed(Load("one", 1_000_000, 0))  # who knows since when
    assert not looks.feed(Load("one", 1_000_000 + half, 0))
    assert looks.feed(Load("one", 1_000_000 + 2 * half, 0))
    assert not looks.feed(Load("one", 1_000_000 + 3 * half, int(LOOK_BYTES) - 1))
    assert looks.feed(Load("one", 1_000_000 + 3 * half, int(LOOK_BYTES)))


def test_each_server_of_a_cluster_counts_for_itself_and_a_restarted_one_anew() -> None:
    looks = Looks()
    assert looks.feed(Load("one", 5, 5))
    assert looks.feed(Load("two", 5, 5))
    assert not looks.feed(Load("one", 6, 6))
    assert looks.feed(Load("one", 1, 1))


def test_servers_that_come_and_go_are_forgotten() -> None:
    looks = Looks()
    for number in range(1000):
        assert looks.feed(Load(f"server {number}", 0, 0))
    assert len(looks._looked_at) < 100
