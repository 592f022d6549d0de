"""Looks at all cameras at once, each for the same time."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vigie_agent.camera_settings import CameraSettings, MotionSettings
from vigie_agent.capture.address import parse_address
from vigie_agent.capture.consumer import Source
from vigie_agent.capture.ingest import Ingest, open_source
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.doctor.advice import Advice, advise
from vigie_agent.doctor.findings import Findings, Sample, measure
from vigie_agent.doctor.substreams import likely_sub_source
from vigie_agent.motion.gate import PacketGate
from vigie_agent.motion.slices import SliceQp
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.errors import CaptureError
from vigie_shared.i18n import gettext as _

_SAMPLES_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One camera."""

    camera_id: str
    name: str
    source: str
    """Without user and password."""
    main: Findings | None
    sub: Findings | None
    detail: str
    """Why there is no video; empty where there is."""
    advice: list[Advice]


class Examination:
    """Looks at one stream until it has seen `seconds` of it, it is lost, or it ends."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._samples: list[Sample] = []
        self._stream: StreamInfo | None = None
        self._quantisers = SliceQp()
        self._gate: PacketGate | None = None
        self.detail = ""
        self.is_done = threading.Event()

    def on_stream(self, stream: StreamInfo) -> None:
        """The stream's own words; other parameter sets in between change nothing."""
        self._stream = self._stream or stream
        self._gate = self._gate or PacketGate(stream.codec)

    def on_packet(self, packet: Packet) -> None:
        """Measure."""
        if self.is_done.is_set() or self._stream is None or self._gate is None:
            return
        self._gate.feed(packet)
        quantiser = self._quantisers.read(packet.data) if self._stream.codec == "h264" else None
        self._samples.append(
            Sample(
                packet.position_seconds,
                len(packet.data),
                packet.is_keyframe,
                quantiser,
                packet.camera_offset_seconds,
            )
        )
        seen_seconds = packet.position_seconds - self._samples[0].position_seconds
        if seen_seconds >= self._seconds or len(self._samples) >= _SAMPLES_MAX:
            self.is_done.set()

    def on_lost(self, error: CaptureError) -> None:
        """That is the diagnosis."""
        self.detail = str(error)
        self.is_done.set()

    def on_end(self) -> None:
        """A film was shorter."""
        self.is_done.set()

    def findings(self, source: Source) -> Findings | None:
        """What was measured; None where nothing came."""
        if self._stream is None or self._gate is None or len(self._samples) < 2:
            return None
        return measure(self._stream, self._samples, source.statistics(), self._gate.verdict.reason)


class _Patient:
    def __init__(self, camera: CameraSettings, seconds: float, clock: Clock, ingest: Ingest) -> None:
        self.camera = camera
        self.examination = Examination(seconds)
        self.source = open_source(camera, self.examination, clock, ingest=ingest)

    def result(self) -> Findings | None:
        return self.examination.findings(self.source)


def examine(
    cameras: Sequence[CameraSettings], motion: MotionSettings, seconds: float, clock: Clock | None = None
) -> list[Diagnosis]:
    """Watch every camera for `seconds` and say what is found; takes little longer than that."""
    clock = clock or SystemClock()
    with Ingest() as ingest:
        mains = [_Patient(camera, seconds, clock, ingest) for camera in cameras]
        subs = [_sub_patient(camera, seconds, clock, ingest) for camera in cameras]
        patients = [*mains, *(sub for sub in subs if sub is not None)]
        for patient in patients:
            patient.source.start()
        try:
            _wait(patients, seconds, clock)
        finally:
            for patient in patients:
                patient.source.stop()
        return [_diagnosis(main, sub, motion) for main, sub in zip(mains, subs, strict=True)]


def _sub_patient(camera: CameraSettings, seconds: float, clock: Clock, ingest: Ingest) -> _Patient | None:
    """The smaller stream, as set or where it probably is."""
    place = camera.sub_source or likely_sub_source(camera.source)
    return _Patient(camera.model_copy(update={"source": place}), seconds, clock, ingest) if place else None


def _wait(patients: Sequence[_Patient], seconds: float, clock: Clock) -> None:
    slowest = max((patient.camera.timeout_seconds for patient in patients), default=0.0)
    until = clock.monotonic_seconds() + seconds + slowest + 1.0
    for patient in patients:
        patient.examination.is_done.wait(max(0.0, until - clock.monotonic_seconds()))


def _diagnosis(main: _Patient, sub: _Patient | None, motion: MotionSettings) -> Diagnosis:
    camera, found = main.camera, main.result()
    found_sub = sub.result() if sub is not None else None
    detail = "" if found is not None else main.examination.detail or _("no video in time")
    return Diagnosis(
        camera_id=camera.camera_id,
        name=camera.label,
        source=parse_address(camera.source).shown,
        main=found,
        sub=found_sub,
        detail=detail,
        advice=advise(camera, motion, found, found_sub) if found is not None else [],
    )
