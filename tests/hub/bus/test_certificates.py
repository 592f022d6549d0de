import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from vigie_hub.bus.certificates import CERTIFICATE_LIFETIME, RENEW_BEFORE, Certificates
from vigie_hub.settings import TlsSettings
from vigie_shared.errors import StoreError

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def certificates(folder: Path, *hosts: str, given: TlsSettings | None = None) -> Certificates:
    return Certificates(folder, given or TlsSettings(), hosts)


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_authority_and_certificate_are_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    own = certificates(tmp_path, "hub.example.org", "10.0.0.7")
    assert own.ensure(NOW)
    assert not own.ensure(NOW)
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "tls").iterdir()} == {0o600}
    read(own.certificate).verify_directly_issued_by(read(own.authority))
    names = read(own.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == {"localhost", "127.0.0.1", "::1", "hub.example.org", "10.0.0.7"}
    own.client_context()


def test_certificate_is_renewed_before_it_ends_under_the_same_authority(tmp_path: Path) -> None:
    own = certificates(tmp_path)
    own.ensure(NOW)
    authority, first = own.fingerprint(), read(own.certificate)
    early = NOW + CERTIFICATE_LIFETIME - RENEW_BEFORE - timedelta(minutes=1)
    assert not own.ensure(early)
    assert own.ensure(early + timedelta(minutes=1))
    assert read(own.certificate).not_valid_after_utc > first.not_valid_after_utc
    assert own.fingerprint() == authority


def test_another_address_of_the_hub_is_another_certificate(tmp_path: Path) -> None:
    certificates(tmp_path, "old.example.org").ensure(NOW)
    own = certificates(tmp_path, "new.example.org")
    assert own.ensure(NOW)
    assert not own.ensure(NOW)


def test_given_files_are_used_and_must_hold(tmp_path: Path) -> None:
    made = certificates(tmp_path / "made", "hub")
    made.ensure(NOW)
    files = TlsSettings(certificate=made.certificate, key=made.key, authority=made.authority)
    given = certificates(tmp_path / "given", "hub", given=files)
    assert not given.ensure(NOW)
    assert not (tmp_path / "given" / "tls").exists()
    assert given.fingerprint() == made.fingerprint()
    made._make_certificate(NOW + timedelta(days=30))  # the operator puts a new one there
    assert given.ensure(NOW)
    assert not given.ensure(NOW)
    with pytest.raises(StoreError, match="has ended"):
        given.ensure(NOW + timedelta(days=121))
    files.certificate.unlink()  # type: ignore[union-attr]
    with pytest.raises(StoreError, match="No such file"):
        given.ensure(NOW)


def test_damaged_certificate_is_one_clear_line(tmp_path: Path) -> None:
    own = certificates(tmp_path)
    own.ensure(NOW)
    own.certificate.write_text("nonsense")
    with pytest.raises(StoreError, match="damaged") as caught:
        own.ensure(NOW)
    assert "\n" not in str(caught.value)


def test_client_believes_this_hub_s_authority_alone(tmp_path: Path) -> None:
    own = certificates(tmp_path)
    own.ensure(NOW)
    context = own.client_context()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1
