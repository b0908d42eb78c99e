"""The webhook's certificates over the years: never a moment in which nobody vouches for them."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from inferencehealth.admission import certificates as c
from inferencehealth.admission.certificates import Material, from_secret, renewed, to_secret

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NAMES = ["webhook.ihp.svc", "127.0.0.1"]


def vouched(material: Material, bundle: bytes, now: datetime) -> bool:
    """Whether somebody who trusts the bundle takes what is served, at that time."""
    leaf = material.serving.parsed
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        return False
    for authority in x509.load_pem_x509_certificates(bundle):
        key = authority.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        alive = authority.not_valid_before_utc <= now <= authority.not_valid_after_utc
        if alive and authority.subject == leaf.issuer:
            leaf.verify_directly_issued_by(authority)
            return True
    return False


def test_the_first_material_serves_at_once() -> None:
    made = renewed(None, NAMES, NOW)
    assert vouched(made, made.bundle, NOW)
    names = made.serving.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["webhook.ihp.svc"]
    assert [str(a) for a in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_while_nothing_is_due_nothing_changes() -> None:
    made = renewed(None, NAMES, NOW)
    assert renewed(made, NAMES, NOW + timedelta(days=50)) is made
    assert c.next_look(made, NOW) > timedelta(0)


def test_a_changed_name_gets_a_new_certificate_under_the_same_authority() -> None:
    made = renewed(None, NAMES, NOW)
    again = renewed(made, ["other.svc"], NOW)
    assert again.authorities == made.authorities
    assert again.serving != made.serving


def test_in_ten_years_of_daily_looks_there_is_no_gap_even_for_a_bundle_of_yesterday() -> None:
    material = renewed(None, NAMES, NOW)
    trusted = material.bundle
    authorities, served = set(), set()
    for day in range(3650):
        now = NOW + timedelta(days=day)
        fresh = renewed(material, NAMES, now)
        # A new serving certificate is good with the bundle from before it, and with the new one.
        assert vouched(fresh, trusted, now)
        assert vouched(fresh, fresh.bundle, now)
        material, trusted = fresh, fresh.bundle
        authorities.update(a.certificate for a in material.authorities)
        served.add(material.serving.certificate)
        assert len(material.authorities) <= 2
    assert len(authorities) >= 5
    assert len(served) >= 40


def test_an_authority_that_is_new_does_not_sign_before_everybody_trusts_it() -> None:
    material = renewed(None, NAMES, NOW)
    due = NOW + c.AUTHORITY * 2 / 3 + timedelta(days=1)
    material = renewed(material, NAMES, due - timedelta(days=5))
    second = renewed(material, NAMES, due)
    assert len(second.authorities) == 2
    assert second.serving.parsed.issuer == second.authorities[0].parsed.subject
    later = renewed(second, NAMES, due + c.SETTLE + timedelta(minutes=1))
    assert later.serving.parsed.issuer == later.authorities[1].parsed.subject


def test_after_years_of_standstill_everything_is_made_anew() -> None:
    old = renewed(None, NAMES, NOW)
    now = NOW + timedelta(days=4000)
    made = renewed(old, NAMES, now)
    assert vouched(made, made.bundle, now)
    assert len(made.authorities) == 1


def test_the_secret_gives_back_what_was_put_in() -> None:
    made = renewed(None, NAMES, NOW)
    later = renewed(made, NAMES, NOW + c.AUTHORITY * 0.7)
    assert from_secret(to_secret(later)) == later


def test_a_secret_that_is_not_whole_counts_as_none() -> None:
    whole = to_secret(renewed(None, NAMES, NOW))
    other = to_secret(renewed(None, NAMES, NOW))
    assert from_secret({}) is None
    assert from_secret(whole | {"tls.key": b"rubbish"}) is None
    assert from_secret(whole | {"tls.key": other["tls.key"]}) is None
    assert from_secret(whole | {"ca.key": b""}) is None


def test_tls_takes_the_material(tmp_path: Path) -> None:
    made = renewed(None, NAMES, NOW)
    for name, data in to_secret(made).items():
        (tmp_path / name).write_bytes(data)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    client = ssl.create_default_context(cadata=made.bundle.decode())
    assert client.get_ca_certs()
