from vigie_hub.sync.fairness import BYTES_BURST, MESSAGES_BURST, MESSAGES_PER_SECOND, Shares


def test_a_burst_is_taken_and_no_more() -> None:
    shares = Shares()
    taken = sum(shares.take("rogue", 100, 5.0) for _message in range(int(MESSAGES_BURST) * 3))
    assert taken == MESSAGES_BURST


def test_a_share_fills_again_with_time() -> None:
    shares = Shares()
    while shares.take("rogue", 100, 5.0):
        pass
    assert sum(shares.take("rogue", 100, 6.0) for _message in range(10_000)) == MESSAGES_PER_SECOND


def test_large_messages_count_by_their_bytes() -> None:
    shares = Shares()
    assert sum(shares.take("rogue", 512_000, 5.0) for _message in range(1000)) == BYTES_BURST // 512_000


def test_one_agent_takes_nothing_from_another() -> None:
    shares = Shares()
    while shares.take("rogue", 100, 5.0):
        pass
    assert shares.take("gate-1", 100, 5.0)
