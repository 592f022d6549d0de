from vigie_hub.sync.fairness import HITS, OTHERS, Shares


def test_a_burst_is_taken_and_no_more() -> None:
    shares = Shares(OTHERS)
    taken = sum(shares.take("rogue", 100, 5.0) for _message in range(int(OTHERS.messages_burst) * 3))
    assert taken == OTHERS.messages_burst


def test_a_share_fills_again_with_time() -> None:
    shares = Shares(OTHERS)
    while shares.take("rogue", 100, 5.0):
        pass
    assert sum(shares.take("rogue", 100, 6.0) for _message in range(10_000)) == OTHERS.messages_per_second


def test_large_messages_count_by_their_bytes() -> None:
    shares = Shares(OTHERS)
    assert sum(shares.take("rogue", 512_000, 5.0) for _message in range(1000)) == OTHERS.bytes_burst // 512_000


def test_one_agent_takes_nothing_from_another() -> None:
    shares = Shares(OTHERS)
    while shares.take("rogue", 100, 5.0):
        pass
    assert shares.take("gate-1", 100, 5.0)


def test_hits_of_one_agent_leave_room_for_those_of_others_after_fewer_messages() -> None:
    shares = Shares(HITS)
    taken = sum(shares.take("rogue", 100, 5.0) for _message in range(10_000))
    assert taken == HITS.messages_burst < OTHERS.messages_burst
    assert shares.take("gate-1", 100, 5.0)
