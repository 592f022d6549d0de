"""The announcement, heard by a real browser over the loopback interface."""

import asyncio

from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from vigie_agent.discovery import SERVICE_TYPE, addresses_of, announced

KEY = "U" + "A" * 55


async def test_an_agent_is_found_by_its_name_and_gone_afterwards() -> None:
    listening = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    try:
        async with announced("gate-7", KEY, ["127.0.0.1"]) as working:
            assert working
            info = AsyncServiceInfo(SERVICE_TYPE, f"gate-7.{SERVICE_TYPE}")
            assert await info.async_request(listening.zeroconf, 3000)
            assert info.decoded_properties["agent_id"] == "gate-7"
            assert info.decoded_properties["public_key"] == KEY
            assert info.parsed_addresses() == ["127.0.0.1"]
    finally:
        await listening.async_close()


async def test_without_a_chosen_interface_nothing_is_announced() -> None:
    async with announced("gate-7", KEY, []) as working:
        assert not working


async def test_an_interface_that_is_not_there_is_no_reason_to_stop() -> None:
    async with announced("gate-7", KEY, ["none0"]) as working:
        assert not working


async def test_interfaces_are_given_by_name_or_address() -> None:
    by_name, by_address = await asyncio.gather(
        asyncio.to_thread(addresses_of, ["lo"]), asyncio.to_thread(addresses_of, ["127.0.0.1"])
    )
    assert by_name == by_address == ["127.0.0.1"]
