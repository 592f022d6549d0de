from pathlib import Path

import pytest

from tests.hub.agents import NOON, StoppedClock, new_key
from vigie_hub.bus import claims
from vigie_hub.bus.trust import AGENT_TOKEN_LIFETIME, Trust
from vigie_shared.errors import StoreError


def issuer_of(token: str) -> str:
    """Who signed it; fails where the signature is not theirs."""
    issuer = claims.issuer_of(token)
    assert issuer is not None
    return issuer


def test_each_token_is_signed_by_the_one_above_it(tmp_path: Path) -> None:
    trust = Trust(tmp_path)
    operator = claims.decode(trust.operator_token)
    account = claims.decode(trust.account_token({}, 1))
    agent_token = trust.agent_token("gate-1", new_key().public_key)
    assert issuer_of(trust.operator_token) == operator["sub"]
    assert issuer_of(trust.account_token({}, 1)) == issuer_of(trust.system_token())
    assert issuer_of(trust.system_token()) in operator["nats"]["signing_keys"]
    assert operator["nats"]["system_account"] == trust.system_account
    assert issuer_of(agent_token) == account["nats"]["signing_keys"][0]["key"] != trust.account
    assert claims.decode(agent_token)["nats"]["issuer_account"] == trust.account


def test_agent_s_token_bears_no_rights_of_its_own_and_ends(tmp_path: Path) -> None:
    token = claims.decode(Trust(tmp_path, StoppedClock()).agent_token("gate-1", new_key().public_key))
    assert token["name"] == "gate-1"
    assert not {"pub", "sub", "resp", "subs", "payload"} & set(token["nats"])
    assert token["exp"] - token["iat"] == AGENT_TOKEN_LIFETIME.total_seconds()


def test_token_after_a_revocation_is_younger_than_it(tmp_path: Path) -> None:
    trust, revoked_at = Trust(tmp_path, StoppedClock()), int(NOON.timestamp())
    assert claims.decode(trust.agent_token("gate-1", new_key().public_key, revoked_at))["iat"] > revoked_at


def test_no_two_tokens_of_an_account_are_of_one_second(tmp_path: Path) -> None:
    trust = Trust(tmp_path, StoppedClock())
    issued = [claims.decode(trust.account_token({}, 1))["iat"] for _one in range(3)]
    assert issued == sorted(set(issued))


def test_keys_are_kept_for_this_user_alone_and_stay_the_same(tmp_path: Path) -> None:
    first, second = Trust(tmp_path), Trust(tmp_path)
    assert (first.account, first.operator_token) == (second.account, second.operator_token)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("*.nk")} == {0o600}


def test_operator_s_seed_can_be_put_away_and_all_goes_on(tmp_path: Path) -> None:
    keys, safe = tmp_path / "keys", tmp_path / "operator.nk"
    before = Trust(keys)
    before.put_operator_away(safe)
    assert safe.stat().st_mode & 0o777 == 0o600
    assert not (keys / "operator.nk").exists()
    after = Trust(keys)
    assert after.operator_token == before.operator_token
    assert issuer_of(after.account_token({"U": 1}, 1)) in claims.decode(after.operator_token)["nats"]["signing_keys"]
    with pytest.raises(StoreError, match="not here any more"):
        after.put_operator_away(tmp_path / "again.nk")


def test_lost_signing_key_is_replaced_by_the_operator_s_seed_only(tmp_path: Path) -> None:
    keys, safe = tmp_path / "keys", tmp_path / "operator.nk"
    operator = claims.decode(Trust(keys).operator_token)["sub"]
    Trust(keys).put_operator_away(safe)
    (keys / "operator-signer.nk").unlink()
    with pytest.raises(StoreError, match="bring the operator's seed back"):
        Trust(keys)
    safe.rename(keys / "operator.nk")
    assert claims.decode(Trust(keys).operator_token)["sub"] == operator


def test_seed_is_not_written_over_what_is_there(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(StoreError, match="File exists"):
        Trust(tmp_path / "keys").put_operator_away(taken)
    assert taken.read_text() == "mine"
    assert (tmp_path / "keys" / "operator.nk").exists()


def test_account_token_is_read_back_with_those_who_are_revoked_and_not_those_kept_out_for_now(tmp_path: Path) -> None:
    trust = Trust(tmp_path)
    token = trust.account_token({"UA": 5}, 1, {"UB": 6, "UA": 7})
    assert claims.decode(token)["nats"]["revocations"] == {"UA": 5, "UB": 6}
    assert trust.revoked_in(token) == {"UA": 5}
    assert trust.revoked_in(trust.first_account_token({"UA": 5}, 1)) == {"UA": 5}


@pytest.mark.parametrize("said", ["", "a.b", "a.b.c", "no token at all"])
def test_account_token_that_is_not_ours_says_nothing(tmp_path: Path, said: str) -> None:
    ours, theirs = Trust(tmp_path / "ours"), Trust(tmp_path / "theirs")
    assert ours.revoked_in(said) is None
    assert ours.revoked_in(theirs.account_token({"UA": 5}, 1)) is None
    assert ours.revoked_in(ours.system_token()) is None
    head, _dot, signature = ours.account_token({}, 1).rpartition(".")
    forged = ours.account_token({"UA": 5}, 1).rpartition(".")[0]
    assert head != forged
    assert ours.revoked_in(f"{forged}.{signature}") is None


def test_tokens_are_newer_than_the_one_that_was_read(tmp_path: Path) -> None:
    clock = StoppedClock()
    before = Trust(tmp_path, clock)
    for _each in range(9):
        token = before.account_token({}, 1)
    restored = Trust(tmp_path, clock)
    assert restored.revoked_in(token) == {}
    assert claims.decode(restored.account_token({}, 1))["iat"] > claims.decode(token)["iat"]
