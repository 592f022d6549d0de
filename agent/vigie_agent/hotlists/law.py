"""What the law asks of an agent's machine before it watches: no reads left from before, and no way back to the disk."""

import resource
from pathlib import Path

import structlog

from vigie_agent.hotlists.non_hits import NonHits
from vigie_agent.hotlists.settings import LawSettings
from vigie_agent.store.hits import erase_non_hits
from vigie_shared.clock import Clock

log = structlog.get_logger(__name__)


def obey(law: LawSettings, data_dir: Path, agent_id: str, clock: Clock) -> NonHits | None:
    """Erase what must not be kept, before the store is opened; where non-hits then go. None where all may be kept."""
    if law.keep_non_hits_seconds is None:
        return None
    erased = erase_non_hits(data_dir, agent_id)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if may_swap():
        log.warning("memory may be swapped to a disk, and reads with it: run swapoff -a, or use zram")
    log.info("reads that hit nothing are not kept", seconds=law.keep_non_hits_seconds, erased=erased)
    return NonHits(law.keep_non_hits_seconds, law.non_hits_bytes_max, clock)


def may_swap(swaps: Path = Path("/proc/swaps")) -> bool:
    """Whether the kernel has a place on a disk to put memory; compressed memory is none."""
    try:
        lines = swaps.read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return False
    return any(not line.startswith("/dev/zram") for line in lines if line.strip())
