"""Whoever waits for messages gets all that came, and hears at once when no more will come."""

import asyncio

import pytest

from vigie_shared.errors import TransferError
from vigie_shared.inbox import Inbox

LONG_SECONDS = 60


async def test_messages_are_taken_in_order_one_by_one_or_all_at_once() -> None:
    inbox = Inbox(10, "gone")
    for message in ("one", b"two", "three"):
        inbox.put(message)
    assert await inbox.next(LONG_SECONDS, "nothing") == "one"
    assert await inbox.all(LONG_SECONDS, "nothing") == [b"two", "three"]


async def test_who_waits_is_woken_by_a_message_a_change_or_the_end() -> None:
    inbox = Inbox(10, "the other side is gone")
    waiting = asyncio.create_task(inbox.next(LONG_SECONDS, "nothing"))
    await asyncio.sleep(0)
    inbox.put("here")
    assert await waiting == "here"
    changing = asyncio.create_task(inbox.stirred(LONG_SECONDS, "nothing"))
    await asyncio.sleep(0)
    inbox.stir()
    await changing
    ending = asyncio.create_task(inbox.next(LONG_SECONDS, "nothing"))
    await asyncio.sleep(0)
    inbox.close()
    with pytest.raises(TransferError, match="the other side is gone"):
        await ending


async def test_what_came_before_the_end_is_still_there() -> None:
    inbox = Inbox(10, "gone")
    inbox.put("last words")
    inbox.close()
    assert await inbox.next(LONG_SECONDS, "nothing") == "last words"
    with pytest.raises(TransferError, match="gone"):
        await inbox.next(LONG_SECONDS, "nothing")


async def test_a_message_that_comes_with_the_end_is_not_lost() -> None:
    inbox = Inbox(10, "gone")
    waiting = asyncio.create_task(inbox.next(LONG_SECONDS, "nothing"))
    await asyncio.sleep(0)
    inbox.put("last words")
    inbox.close()
    assert await waiting == "last words"


async def test_waiting_ends_after_its_time() -> None:
    with pytest.raises(TransferError, match=r"nothing for 0.01 s"):
        await Inbox(10, "gone").next(0.01, "nothing for {seconds:g} s")


async def test_a_flood_is_the_end() -> None:
    inbox = Inbox(2, "gone")
    for message in ("one", "two"):
        inbox.put(message)
    assert not inbox.is_closed
    inbox.put("three")
    assert inbox.is_closed
    assert await inbox.all(LONG_SECONDS, "nothing") == ["one", "two"]


async def test_the_end_is_waited_for_whatever_else_comes_but_not_for_long() -> None:
    inbox = Inbox(10, "gone")
    await inbox.closed(0.01)
    assert not inbox.is_closed
    ending = asyncio.create_task(inbox.closed(LONG_SECONDS))
    await asyncio.sleep(0)
    inbox.put("one more")
    await asyncio.sleep(0)
    assert not ending.done()
    inbox.close()
    await ending
