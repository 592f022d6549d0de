"""Late candidates as viewers send them (RFC 8840)."""

import pytest

from vigie_hub.video.live.sdp_fragment import CANDIDATES_MAX, SdpFragment

FRAGMENT = (
    "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:1\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0\r\n"
    "a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host\r\na=end-of-candidates\r\n"
)


def test_candidates_are_read_with_their_section() -> None:
    fragment = SdpFragment.parse(FRAGMENT)
    assert fragment.ice_ufrag == "EsAw"
    assert [mid for _line, mid in fragment.candidates] == ["1", "1"]
    assert fragment.candidates[0][0].startswith("1387637174 1 udp")


@pytest.mark.parametrize(
    "text",
    ["", "a=mid:0\r\n", "a=ice-ufrag:x\r\n" + "a=candidate:1 1 udp 1 ::1 1 typ host\r\n" * (CANDIDATES_MAX + 1)],
    ids=["empty", "no session", "a flood"],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="sdpfrag"):
        SdpFragment.parse(text)
