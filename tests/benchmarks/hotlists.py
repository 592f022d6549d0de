"""Hotlists: bytes of a whole list and of an edit, time of a read's match, memory of a copy. Bytes are beside the same
list as JSON; a match is beside the lookup of a text in a dict.
"""

import argparse
import json
import random
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import nkeys

from vigie_agent.keys import AgentKey, HubKey
from vigie_hub.hotlists.book import Book, Value
from vigie_shared.bench import Measurement
from vigie_shared.hotlists import coding
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.copy import ListCopy
from vigie_shared.hotlists.entries import LOOK_ALIKES, Entry, Terms
from vigie_shared.hotlists.matching import Index
from vigie_shared.ids import unique_id

SUMMARY = "size, match time and memory of hotlists, beside JSON and a dict"

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
LETTERS = "أبدهوطي"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plates", type=int, default=100_000, metavar="N", help="entries of the list")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    count = min(arguments.plates, 2_000) if arguments.quick else arguments.plates
    case = f"{count} plates"
    entries = Columns.of(plates(count, share_with_rules=0.1))
    plain = json.dumps([{"id": one.entry_id, "text": one.text} for one in entries], ensure_ascii=False).encode()
    book = Book("main", key := hub_key(), HubKey(key.public_key))
    whole = book.change([], entries, NOW, 86_400)
    yield Measurement(case=case, metric="whole_bytes", value=size(whole), unit="B", baseline=len(plain))
    yield Measurement(case=case, metric="whole_bytes_per_plate", value=size(whole) / count, unit="B")
    yield Measurement(case=case, metric="whole_chunks", value=len(whole) - 1, unit="values")
    yield from edits(case, book, entries)
    yield from loading(case, entries, whole, book)
    yield from matching(case, entries, 2_000 if arguments.quick else 50_000)


def edits(case: str, book: Book, entries: Columns) -> Iterator[Measurement]:
    """One plate added, one removed, and a hundred of each; with the head that follows."""
    fresh = plates(len(entries) + 400, share_with_rules=0.1, seed=3)[-400:]
    for name, gone, come in (
        ("one added", 0, 1),
        ("one removed", 1, 0),
        ("100 added, 100 removed", 100, 100),
    ):
        ids = [entries.id_of(row) for row in range(gone)]
        began = time.process_time()
        values = book.change(ids, Columns.of(fresh[:come]), NOW, 86_400)
        seconds = time.process_time() - began
        deltas = [value for value in values if value.place == 1]
        yield Measurement(case=f"{case}, {name}", metric="delta_bytes", value=size(deltas), unit="B")
        yield Measurement(case=f"{case}, {name}", metric="with_head_bytes", value=size(values), unit="B")
        yield Measurement(case=f"{case}, {name}", metric="sign_cpu_ms", value=seconds * 1e3, unit="ms")
        fresh = fresh[come:]


def loading(case: str, entries: Columns, whole: list[Value], book: Book) -> Iterator[Measurement]:
    """From signed values to an index, as at an agent's start."""
    key = hub_key()
    copy = ListCopy("main", HubKey(key.public_key))
    values = {value.key: value.data for value in whole}
    began = time.process_time()
    copy.restore(values)
    yield Measurement(case=case, metric="load_cpu_ms", value=(time.process_time() - began) * 1e3, unit="ms")
    assert list(copy.entries) == list(entries)
    assert book.version > copy.version
    began = time.process_time()
    Index(entries)
    yield Measurement(case=case, metric="index_cpu_ms", value=(time.process_time() - began) * 1e3, unit="ms")
    data = coding.encode(entries)
    tracemalloc.start()
    kept = coding.decode(data)
    index = Index(kept)
    taken, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    yield Measurement(case=case, metric="memory_mb", value=taken / 1e6, unit="MB")
    assert len(index) == len(entries)


def matching(case: str, entries: Columns, reads: int) -> Iterator[Measurement]:
    """Reads as they come: nearly none is on the list."""
    chance = random.Random(5)
    texts = [one.text for one in plates(reads, seed=11)]
    texts[::1000] = chance.sample(entries.texts, len(texts[::1000]))
    by_text = dict.fromkeys(entries.texts, 0)
    for name, index in (
        ("a tenth allows look-alikes", Index(entries)),
        ("all allow look-alikes", Index(Columns.of(one._replace(terms=Terms(LOOK_ALIKES)) for one in entries))),
    ):
        began = time.process_time()
        hits = sum(len(index.find(text, uncertain=False, at=NOW)) for text in texts)
        ours = time.process_time() - began
        assert hits >= len(texts) // 1000
        began = time.process_time()
        for text in texts:
            by_text.get(text)
        theirs = time.process_time() - began
        yield Measurement(
            case=f"{case}, {name}",
            metric="match_us_per_read",
            value=ours / reads * 1e6,
            unit="µs",
            baseline=theirs / reads * 1e6,
        )


def plates(count: int, *, share_with_rules: float = 0.0, seed: int = 1) -> list[Entry]:
    """Civil plates at random, numbered in a row as an import does."""
    chance = random.Random(seed)
    texts: set[str] = set()
    while len(texts) < count:
        texts.add(f"{chance.randint(1, 99_999)}|{chance.choice(LETTERS)}|{chance.randint(1, 89)}")
    first = int(unique_id(NOW), 16) & ~0xFFFF_FFFF | seed << 24
    plain, wide = Terms(category="stolen", severity=3), Terms(LOOK_ALIKES, "wanted", 5)
    return [
        Entry(text, f"{first + number:022x}", wide if chance.random() < share_with_rules else plain)
        for number, text in enumerate(sorted(texts))
    ]


def size(values: list[Value]) -> int:
    return sum(len(value.data) for value in values)


def hub_key() -> AgentKey:
    """Signs as the hub does."""
    return AgentKey(nkeys.encode_seed(b"b" * 32, nkeys.PREFIX_BYTE_SERVER).decode())
