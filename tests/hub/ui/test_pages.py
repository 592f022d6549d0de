"""The page's addresses, without a browser."""

import httpx

from tests.hub.api.stage import NAME, Stage


async def test_own_files_are_not_sent_again_while_unchanged(stranger: httpx.AsyncClient) -> None:
    first = await stranger.get("/static/vigie.css")
    assert first.headers["content-type"].startswith("text/css")
    again = await stranger.get("/static/vigie.css", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert (await stranger.get("/static/passwords")).status_code == 404


async def test_language_comes_from_address_then_cookie_then_browser(stranger: httpx.AsyncClient) -> None:
    french = {"accept-language": "fr"}
    assert '<html lang="fr" dir="ltr">' in (await stranger.get("/login", headers=french)).text
    asked = await stranger.get("/login?language=ar", headers=french)
    assert (asked.status_code, asked.headers["location"]) == (303, "/login")
    assert '<html lang="ar" dir="rtl">' in (await stranger.get("/login", headers=french)).text
    assert (await stranger.get("/login?language=xx", headers=french)).status_code == 200


async def test_each_section_says_what_will_appear_while_it_is_empty(script: httpx.AsyncClient) -> None:
    for section in ("alerts", "events", "clips", "agents", "hotlist"):
        assert 'class="empty"' in (await script.get(f"/fragments/{section}")).text


async def test_missing_events_and_unreadable_disks_are_shown(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate")
    gap = ("gate", "e", "mot", 3, 5, "2026-11-22T14:41:03.120Z")
    await hub.database.write(
        lambda connection: connection.execute("INSERT INTO missing_ranges VALUES (?, ?, ?, ?, ?, ?)", gap).rowcount
    )
    await hub.database.write(
        lambda connection: (
            connection.execute("UPDATE agents SET heartbeat = json_set(heartbeat, '$.disk_free_bytes', NULL)").rowcount
        )
    )
    agents = (await script.get("/fragments/agents")).text
    assert "3 events" in agents
    assert "unreadable" in agents
    assert "Known to be missing" in (await script.get("/fragments/summary")).text


async def test_refused_sign_in_keeps_the_name_and_never_the_password(stranger: httpx.AsyncClient) -> None:
    page = await stranger.post(
        "/login", data={"name": NAME, "password": "guess-1234"}, headers={"origin": "http://hub.test"}
    )
    assert page.status_code == 401
    assert f'value="{NAME}"' in page.text
    assert "guess-1234" not in page.text
