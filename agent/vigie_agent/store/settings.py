"""Settings of the store: how long things stay, and how much room they may take."""

from pydantic import Field

from vigie_agent.camera_settings import Section
from vigie_agent.store.retention import Keep


class KeepSettings(Section):
    """`[store.motion]`, `[store.plate]`, `[store.alert]`: one class of clips."""

    keep_days: float = Field(
        ge=0.01, description="How long such a clip stays once the hub has signed for it, if there is room that long."
    )
    share_max: float = Field(
        gt=0, le=1, description="The share of `clips.keep_bytes_max` that such clips may take; the oldest go first."
    )

    def limit(self) -> Keep:
        """As the store takes it."""
        return Keep(days=self.keep_days, share=self.share_max)


class StoreSettings(Section):
    """`[store]`: how long things stay that the hub already has."""

    keep_sent_hours: float = Field(
        default=48.0, ge=1, description="How long events stay after the hub's receipt, for a hub restored from a copy."
    )
    keep_crops_days: float = Field(default=30.0, ge=1, description="How long pictures of plates stay.")
    free_bytes_min: int = Field(
        default=256 * 1024**2, ge=0, description="Room that clips leave free on the disk, whatever they may take."
    )
    motion: KeepSettings = KeepSettings(keep_days=30, share_max=1.0)
    plate: KeepSettings = KeepSettings(keep_days=60, share_max=1.0)
    alert: KeepSettings = KeepSettings(keep_days=90, share_max=1.0)

    def classes(self) -> tuple[Keep, ...]:
        """In the order of `clips.KEPT_AS`."""
        return (self.motion.limit(), self.plate.limit(), self.alert.limit())
