"""What one stream really sends, measured over its packets."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median, pstdev
from typing import Final

from vigie_agent.capture.consumer import SourceStatistics
from vigie_agent.capture.packets import Codec, StreamInfo
from vigie_agent.motion.gate import GateReason

GOPS_MIN: Final = 4
"""Fewer whole GOPs say nothing of how the bit rate varies."""
CONSTANT_VARIATION_MAX: Final = 0.1
"""GOPs of a saturated constant bit rate vary by 2 to 8 %, those of a variable one by 25 % and more."""
NOISY_SHARE_MIN: Final = 0.08
"""Pictures between keyframes that carry noise are that large a part of one; quiet ones a hundredth."""
STEADY_QUANTISER_SPREAD_MAX: Final = 0.2
"""Where the quantiser stands still, the bit rate is not what limits the picture."""
UNEVEN_GOPS: Final = 1.5


@dataclass(frozen=True, slots=True)
class Sample:
    """One packet."""

    position_seconds: float
    size_bytes: int
    is_keyframe: bool
    quantiser: int | None
    camera_offset_seconds: float | None


@dataclass(frozen=True, slots=True)
class Findings:
    """One stream, measured."""

    codec: Codec
    width_px: int
    height_px: int
    seconds: float
    frames_per_second: float
    kbps: float
    gop_seconds: float | None
    """The longest distance of two keyframes; None where fewer than two came."""
    gop_frames: int | None
    has_even_gops: bool
    has_b_frames: bool
    variation: float | None
    """How much the sizes of GOPs vary, as a share of their mean; None where too few came."""
    quantiser: float | None
    is_saturated: bool
    """The bit rate is used up by noise: packet sizes say nothing of motion."""
    gate: GateReason
    """What the motion gate makes of the packet sizes; it learns for 20 s."""
    clock_offset_seconds: float | None
    """The camera's clock minus this machine's; None where the camera does not tell."""
    lost_packets: int
    path: str


def measure(
    stream: StreamInfo, samples: Sequence[Sample], statistics: SourceStatistics, gate: GateReason = "learning"
) -> Findings:
    """Findings over `samples`, of which there are at least two."""
    seconds = samples[-1].position_seconds - samples[0].position_seconds
    keyframes = [index for index, sample in enumerate(samples) if sample.is_keyframe]
    lengths = [samples[last].position_seconds - samples[first].position_seconds for first, last in pairwise(keyframes)]
    frames = [last - first for first, last in pairwise(keyframes)]
    quantisers = [sample.quantiser for sample in samples if sample.quantiser is not None and not sample.is_keyframe]
    offsets = [sample.camera_offset_seconds for sample in samples if sample.camera_offset_seconds is not None]
    variation = _variation(samples, keyframes)
    return Findings(
        codec=stream.codec,
        width_px=stream.width_px,
        height_px=stream.height_px,
        seconds=seconds,
        frames_per_second=(len(samples) - 1) / seconds if seconds else 0.0,
        kbps=sum(sample.size_bytes for sample in samples[1:]) * 8 / 1000 / seconds if seconds else 0.0,
        gop_seconds=max(lengths, default=None),
        gop_frames=max(frames, default=None),
        has_even_gops=not lengths or max(lengths) < UNEVEN_GOPS * min(lengths),
        has_b_frames=statistics.has_b_frames,
        variation=variation,
        quantiser=median(quantisers) if quantisers else None,
        is_saturated=gate == "held_bitrate" or _is_saturated(samples, variation, quantisers),
        gate=gate,
        clock_offset_seconds=median(offsets) if offsets else None,
        lost_packets=statistics.lost_packets,
        path=statistics.path,
    )


def _variation(samples: Sequence[Sample], keyframes: Sequence[int]) -> float | None:
    gops = [sum(sample.size_bytes for sample in samples[first:last]) for first, last in pairwise(keyframes)]
    return pstdev(gops) / fmean(gops) if len(gops) >= GOPS_MIN else None


def _is_saturated(samples: Sequence[Sample], variation: float | None, quantisers: Sequence[int]) -> bool:
    keys = [sample.size_bytes for sample in samples if sample.is_keyframe]
    others = [sample.size_bytes for sample in samples if not sample.is_keyframe]
    if variation is None or variation > CONSTANT_VARIATION_MAX or not others:
        return False
    is_at_floor = len(quantisers) > 1 and pstdev(quantisers) < STEADY_QUANTISER_SPREAD_MAX
    return median(others) / median(keys) > NOISY_SHARE_MIN and not is_at_floor
