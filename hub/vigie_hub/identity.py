"""All by which others know this hub: the key of its receipts, the keys of its bus, its certificates."""

from dataclasses import dataclass
from typing import Self

from vigie_hub.bus.certificates import Certificates
from vigie_hub.bus.trust import Trust
from vigie_hub.keys import HubKeys, KeyPair
from vigie_hub.settings import HubSettings
from vigie_shared.clock import Clock, SystemClock


@dataclass(frozen=True)
class Identity:
    """Made whole at the first start, in `data_dir`."""

    receipts: KeyPair
    trust: Trust
    certificates: Certificates

    @classmethod
    def of(cls, settings: HubSettings, clock: Clock | None = None) -> Self:
        """Load it, and make what is missing; blocks. Raises StoreError."""
        clock = clock or SystemClock()
        certificates = Certificates(settings.data_dir, settings.tls, settings.hosts)
        certificates.ensure(clock.now())
        certificates.authority_pem()
        trust = Trust(settings.data_dir / "keys", clock)
        return cls(HubKeys(settings.data_dir).receipts, trust, certificates)
