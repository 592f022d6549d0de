"""From a code to a revoked agent and back, with real processes, TLS everywhere."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.ports import free_port
from vigie_agent import enrolment
from vigie_agent.credentials import load, save, signed_wish
from vigie_agent.keys import load_or_make_agent_key
from vigie_hub.database import Database
from vigie_shared.enrolment import Code
from vigie_shared.errors import CommandError, LinkError

VIGIE = (sys.executable, "-m", "vigie_shared")
PATIENCE_SECONDS = 120.0


class House:
    """One hub with its own nats-server, and one agent beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub_settings, self.agent_settings = folder / "hub.toml", folder / "agent.toml"
        api, bus = free_port(), free_port()
        self.hub_settings.write_text(
            f'data_dir = "{folder}/hub"\n'
            f'[nats]\nurl = "tls://127.0.0.1:{bus}"\nstream_bytes_max = 67108864\n'
            f'[api]\nhost = "0.0.0.0"\nport = {api}\nurl = "https://127.0.0.1:{api}"\n[fleet]\ndiscover = false\n'
        )
        self.agent_settings.write_text(
            f'agent_id = "gate-1"\ndata_dir = "{folder}/gate-1"\n[discovery]\nenabled = false\n'
        )
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, side: str, *options: str) -> subprocess.Popen[str]:
        settings = self.hub_settings if side == "hub" else self.agent_settings
        log = (self.folder / f"{side}.log").open("a")
        process = subprocess.Popen(
            (*VIGIE, side, "run", "--settings", str(settings), *options), stdout=subprocess.PIPE, stderr=log, text=True
        )
        log.close()
        self.processes.append(process)
        return process

    def say(self, side: str, *arguments: str) -> dict[str, Any]:
        settings = self.hub_settings if side == "hub" else self.agent_settings
        done = subprocess.run(
            (*VIGIE, side, *arguments, "--settings", str(settings), "--json"),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "VIGIE_LANGUAGE": "en"},
        )
        if done.returncode:
            raise CommandError(done.stderr.strip())
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def link(self) -> str | None:
        with Database(self.folder / "hub" / "hub.db") as database:
            row = database.read_now(lambda connection: connection.execute("SELECT * FROM agents").fetchone())
        return row["link"] if row else None

    def close(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path)
    try:
        hub = built.start("hub", "--embedded-nats")
        assert hub.stdout is not None
        assert "https://" in hub.stdout.readline()
        yield built
    finally:
        built.close()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


@pytest.mark.timeout(600)
def test_agent_comes_with_a_code_is_cut_when_revoked_and_comes_back_with_another(house: House) -> None:
    code = house.say("hub", "enrol", "gate-1")["code"]
    house.start("agent")
    told = house.say("agent", "enrol", code)
    assert told["agent_id"] == "gate-1"
    assert (house.folder / "gate-1" / "hub.json").stat().st_mode & 0o777 == 0o600
    until(lambda: house.link() == "up")

    with pytest.raises(CommandError, match="does not know this code"):
        house.say("agent", "enrol", code)

    assert house.say("hub", "revoke", "gate-1") == {"agent_id": "gate-1", "revoked": True, "told_nats_server": True}
    log = house.folder / "agent.log"
    until(lambda: "the hub has revoked this agent: ask for a new code" in log.read_text())

    house.say("agent", "enrol", house.say("hub", "enrol", "gate-1")["code"])
    until(lambda: house.link() == "up")


@pytest.mark.timeout(600)
def test_only_the_hub_that_made_a_code_gets_its_secret(house: House, tmp_path: Path) -> None:
    key = load_or_make_agent_key(tmp_path / "box")
    genuine = Code.parse(house.say("hub", "enrol", "gate-1")["code"])
    lured = Code("gate-1", genuine.url, bytes(len(genuine.fingerprint)), genuine.secret)
    with pytest.raises(CommandError, match="is not the hub that made this code"):
        enrolment.enrol(lured, key)
    with pytest.raises(LinkError, match="cannot reach the hub"):
        enrolment.enrol(Code("gate-1", f"https://127.0.0.1:{free_port()}", genuine.fingerprint, genuine.secret), key)

    membership = enrolment.enrol(genuine, key)  # the secret was never spent
    assert membership.nats_url.startswith("tls://")
    save(tmp_path / "box", membership)
    assert load(tmp_path / "box") == membership

    renewed = enrolment.renew(membership, signed_wish(key, "gate-1"))
    assert b"gate-1" in renewed
    forged = signed_wish(load_or_make_agent_key(tmp_path / "thief"), "gate-1").model_copy(
        update={"public_key": key.public_key}
    )
    with pytest.raises(CommandError, match="does not know"):
        enrolment.renew(membership, forged)
    house.say("hub", "revoke", "gate-1")
    with pytest.raises(CommandError, match="does not know"):
        enrolment.renew(membership, signed_wish(key, "gate-1"))
