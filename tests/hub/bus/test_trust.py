import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.hub.agents import NOON, StoppedClock, new_key
from vigie_hub.bus import claims
from vigie_hub.bus.trust import AGENT_TOKEN_LIFETIME, Trust
from vigie_shared.errors import StoreError
from vigie_shared.keys import raw_public_key


def issuer_of(token: str) -> str:
    """Who signed it; fails where the signature is not theirs."""
    signed, _dot, signature = token.rpartition(".")
    issuer: str = claims.decode(token)["iss"]
    key = Ed25519PublicKey.from_public_bytes(raw_public_key(issuer))
    key.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode())
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
