from vigie_hub.api.feed import Feed


async def test_topics_pile_up_once_and_are_handed_over_together() -> None:
    feed = Feed()
    with feed.subscribe() as subscription:
        for _ in range(3):
            feed.tell("events")
        feed.tell("alerts")
        assert await subscription.changes(1) == {"events", "alerts"}
        assert await subscription.changes(0) == frozenset()


async def test_each_subscriber_hears_all() -> None:
    feed = Feed()
    with feed.subscribe() as first, feed.subscribe() as second:
        feed.tell("agents")
        assert await first.changes(1) == await second.changes(1) == {"agents"}


async def test_close_wakes_those_who_wait_and_those_who_come_later() -> None:
    feed = Feed()
    with feed.subscribe() as subscription:
        feed.close()
        await subscription.changes(60)
        assert subscription.closed
    with feed.subscribe() as late:
        assert late.closed
        await late.changes(60)
