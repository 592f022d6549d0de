"""A diagnosis for people."""

from vigie_agent.doctor.findings import Findings
from vigie_agent.doctor.rounds import Diagnosis
from vigie_shared.i18n import gettext as _


def text(diagnosis: Diagnosis) -> str:
    """Some lines on one camera."""
    lines = [f"{diagnosis.camera_id} ({diagnosis.name}), {diagnosis.source}"]
    if diagnosis.main is None:
        return "\n".join([*lines, "  " + _("no video: {detail}").format(detail=diagnosis.detail)])
    lines += _stream(diagnosis.main)
    if diagnosis.sub is not None:
        lines.append("  " + _("second stream: {stream}").format(stream=_outline(diagnosis.sub)))
    for advice in diagnosis.advice:
        lines.append(f"  → {advice.setting}: {advice.now} → {advice.better}; {advice.gain}")
    if not diagnosis.advice:
        lines.append("  " + _("nothing to change"))
    return "\n".join(lines)


def _stream(found: Findings) -> list[str]:
    facts = [_outline(found)]
    if found.gop_seconds is not None:
        facts.append(
            _("a keyframe every {seconds:.1f} s ({frames} frames)").format(
                seconds=found.gop_seconds, frames=found.gop_frames
            )
        )
    facts.append(_("with B-frames") if found.has_b_frames else _("no B-frames"))
    if found.variation is not None:
        facts.append(_("GOPs vary by {share:.0%}").format(share=found.variation))
    if found.quantiser is not None:
        facts.append(_("quantiser {value:.0f}").format(value=found.quantiser))
    if found.clock_offset_seconds is not None:
        facts.append(_("its clock {seconds:+.1f} s beside ours").format(seconds=found.clock_offset_seconds))
    if found.lost_packets:
        facts.append(_("{count} packets lost").format(count=found.lost_packets))
    return ["  " + ", ".join(facts)]


def _outline(found: Findings) -> str:
    return _("{codec} {width} × {height}, {fps:.1f} frames/s, {kbps:.0f} kbit/s").format(
        codec=found.codec,
        width=found.width_px,
        height=found.height_px,
        fps=found.frames_per_second,
        kbps=found.kbps,
    )
