"""The hub's certificates: an authority of its own, made at the first start, or files that the operator gives.

Agents learn the authority at enrolment, by its fingerprint in the code, and believe no other.
"""

import ipaddress
import os
import ssl
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vigie_hub.settings import TlsSettings
from vigie_shared.enrolment import fingerprint
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

AUTHORITY_LIFETIME: Final = timedelta(days=20 * 365)
CERTIFICATE_LIFETIME: Final = timedelta(days=90)
RENEW_BEFORE: Final = timedelta(days=30)
_BACKDATED: Final = timedelta(days=1)
"""For agents whose clock is behind."""


class Certificates:
    """Files of the authority and of the server, for nats-server, the API and clients."""

    def __init__(self, data_dir: Path, given: TlsSettings, hosts: Collection[str]) -> None:
        folder = data_dir / "tls"
        self._own = given.certificate is None
        self._hosts = sorted({"localhost", "127.0.0.1", "::1", *hosts})
        self._authority_key = folder / "authority.key"
        self.authority = given.authority or folder / "authority.pem"
        self.certificate = given.certificate or folder / "server.pem"
        self.key = given.key or folder / "server.key"
        self._authority_pem = ""
        self._given_at_ns = 0

    def ensure(self, now: datetime) -> bool:
        """Make or renew what is missing, ends soon or names other hosts; True where the server's files are others now.

        Raises StoreError where files cannot be read or written, or given ones have ended.
        """
        try:
            if not self._own:
                return self._check_given(now)
            self.certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.authority.exists():
                self._make_authority(now)
            if self.certificate.exists() and self.key.exists() and not self._is_stale(now):
                return False
            self._make_certificate(now)
        except OSError as error:
            raise StoreError(_("{path}: {reason}").format(path=error.filename, reason=error.strerror)) from error
        except ValueError as error:
            raise StoreError(
                _(
                    "{folder}: a certificate or key is damaged; put a backup there, or remove them all and enrol anew"
                ).format(folder=self.certificate.parent)
            ) from error
        return True

    def authority_pem(self) -> str:
        """What agents are to believe, PEM; blocks the first time."""
        if not self._authority_pem:
            self._authority_pem = self.authority.read_text(encoding="utf-8")
        return self._authority_pem

    def fingerprint(self) -> bytes:
        """Of the authority, as enrolment codes carry it."""
        return fingerprint(self.authority_pem())

    def client_context(self) -> ssl.SSLContext:
        """Believes the authority, and nobody else."""
        return ssl.create_default_context(cafile=str(self.authority))

    def _check_given(self, now: datetime) -> bool:
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        if certificate.not_valid_after_utc <= now:
            raise StoreError(
                _("{path}: this certificate has ended at {at}; renew it").format(
                    path=self.certificate, at=certificate.not_valid_after_utc.isoformat()
                )
            )
        self.authority.read_bytes()
        before, self._given_at_ns = self._given_at_ns, self.certificate.stat().st_mtime_ns
        return before not in (0, self._given_at_ns)

    def _is_stale(self, now: datetime) -> bool:
        certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = {str(name.value) for name in names}
        return now >= certificate.not_valid_after_utc - RENEW_BEFORE or not found >= set(self._hosts)

    def _make_authority(self, now: datetime) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vigie hub authority")])
        certificate = (
            _certificate(name, name, key.public_key(), now, AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self._authority_key, _private_pem(key))
        _write(self.authority, _pem(certificate))

    def _make_certificate(self, now: datetime) -> None:
        authority = x509.load_pem_x509_certificate(self.authority.read_bytes())
        signer = serialization.load_pem_private_key(self._authority_key.read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vigie hub")])
        certificate = (
            _certificate(name, authority.subject, key.public_key(), now, CERTIFICATE_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_name_of(host) for host in self._hosts]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
            .sign(signer, hashes.SHA256())
        )
        _write(self.key, _private_pem(key))
        _write(self.certificate, _pem(certificate))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - _BACKDATED)
        .not_valid_after(now.astimezone(UTC) + lifetime)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name_of(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and for this user alone."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
