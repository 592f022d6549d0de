"""Offers and answers: what is wanted travels with the offer, and a refusal is told from an answer."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from vigie_shared.commands import Refused
from vigie_shared.ice import IceServer
from vigie_shared.ids import unique_id
from vigie_shared.media import Live
from vigie_shared.signaling import OFFER_REPLY, Answer, ClipWanted, MediaWanted, Offer, Wanted

ID = unique_id(datetime(2026, 3, 1, 8, tzinfo=UTC))
OFFER = Offer(session_id=ID, sdp="v=0\r\n", wanted=ClipWanted(clip_id=ID))


@pytest.mark.parametrize(
    "wanted",
    [ClipWanted(clip_id=ID), MediaWanted(), MediaWanted(first=Live(camera_id="gate"), purpose="Case 114")],
    ids=["clip", "media later", "live"],
)
def test_an_offer_survives_the_wire_with_its_line_ends(wanted: Wanted) -> None:
    servers = (IceServer(url="turn:turn.example", username="1:gate", credential="x"),)
    offer = OFFER.model_copy(update={"wanted": wanted, "ice_servers": servers})
    assert Offer.model_validate_json(offer.model_dump_json()) == offer


@pytest.mark.parametrize("reply", [Answer(sdp="v=0\r\n"), Refused(reason="gone")], ids=["answer", "refusal"])
def test_a_reply_is_read_as_what_it_is(reply: Answer | Refused) -> None:
    assert OFFER_REPLY.validate_json(OFFER_REPLY.dump_json(reply)) == reply


@pytest.mark.parametrize(
    "bad",
    [{"sdp": "x" * 70_000}, {"session_id": "1"}, {"wanted": {"want": "face"}}],
    ids=lambda bad: next(iter(bad)),
)
def test_an_offer_out_of_its_bounds_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Offer.model_validate({**OFFER.model_dump(), **bad})
