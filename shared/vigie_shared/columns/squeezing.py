"""zstd for what columns leave large: texts, and kinds that have no layout. Dictionaries are plain texts of words that
occur, the last the most often; one that was ever used stays, for old batches name it.
"""

import threading
from functools import cache
from importlib import resources
from typing import Final

import zstandard

from vigie_shared.columns.packing import Reader, Writer
from vigie_shared.errors import WireError

PLAIN: Final = 0
DICTIONARIES: Final = (1,)
NEWEST: Final = DICTIONARIES[-1]
_LEVEL: Final = 12
_WORTH_BYTES: Final = 48
"""Less than this is not worth the try."""


@cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    text = resources.files(__package__).joinpath(f"dictionary_{number}.txt").read_bytes()
    return zstandard.ZstdCompressionDict(text, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


class _Machines(threading.local):
    """zstd's contexts, which no two threads may share."""

    def __init__(self) -> None:
        settings = zstandard.ZstdCompressionParameters.from_level(
            _LEVEL,
            format=zstandard.FORMAT_ZSTD1_MAGICLESS,
            write_content_size=False,
            write_checksum=False,
            write_dict_id=False,
        )
        self.press = zstandard.ZstdCompressor(dict_data=_dictionary(NEWEST), compression_params=settings)
        self.expand = {
            number: zstandard.ZstdDecompressor(
                dict_data=_dictionary(number), format=zstandard.FORMAT_ZSTD1_MAGICLESS, max_window_size=1 << 20
            )
            for number in DICTIONARIES
        }


_machines = _Machines()


def squeeze(writer: Writer, body: bytes) -> None:
    """Append `body` as it is, or smaller where zstd can."""
    pressed = _machines.press.compress(body) if len(body) >= _WORTH_BYTES else body
    if len(pressed) + 3 < len(body):
        writer.data.append(NEWEST)
        writer.varint(len(body))
        writer.data += pressed
    else:
        writer.data.append(PLAIN)
        writer.data += body


def expand(reader: Reader, most_bytes: int) -> bytes:
    """What `squeeze` was given; raises WireError where it would be more than `most_bytes`, or is damaged."""
    number = reader.byte()
    if number == PLAIN:
        return reader.rest()
    if number not in DICTIONARIES:
        raise WireError(f"dictionary {number} is of a newer release")
    size = reader.varint(most_bytes)
    try:
        body = _machines.expand[number].decompress(reader.rest(), max_output_size=max(size, 1), allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as error:
        raise WireError("it does not expand") from error
    if len(body) != size:
        raise WireError("it does not expand to what it says")
    return body
