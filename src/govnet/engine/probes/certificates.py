"""Reading a server's certificate, valid or not, and TLS contexts to get it with."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509

from govnet.engine.safety import printable

MAX_NAMES = 20

# X509_V_ERR_… of OpenSSL's x509_vfy.h
_VERIFY_REASONS = {
    9: "cert_not_yet_valid",
    10: "cert_expired",
    62: "cert_wrong_host",
    64: "cert_wrong_host",
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is shown and judged of a certificate; text is printable, times are UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime

    def days_left(self, now: datetime) -> float:
        """Days until it expires; negative when it has."""
        return (self.not_after - now).total_seconds() / 86400

    def as_detail(self, now: datetime) -> dict[str, Any]:
        """The same, JSON-serialisable."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": list(self.names),
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "days_left": round(self.days_left(now), 2),
        }


@lru_cache(maxsize=1024)
def read_certificate(der: bytes) -> Certificate:
    """Read a certificate; cached, because a server shows the same one for months.

    Raises:
        ValueError: it is malformed.
    """
    certificate = x509.load_der_x509_certificate(der)
    return Certificate(
        subject=printable(certificate.subject.rfc4514_string()),
        issuer=printable(certificate.issuer.rfc4514_string()),
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    values = [str(name.value) for name in list(extension.value)[:MAX_NAMES]]
    return tuple(printable(value, 100) for value in values)


def verify_reason(error: ssl.SSLCertVerificationError, certificate: Certificate | None) -> str:
    """Why a certificate is not accepted.

    A date that has passed is named first even if the issuer is unknown as well: it is what
    the owner has to act on.
    """
    if certificate is not None and certificate.not_after < datetime.now(UTC):
        return "cert_expired"
    return _VERIFY_REASONS.get(error.verify_code, "cert_untrusted")


@lru_cache(maxsize=64)
def verifying_context(ca_pem: str) -> ssl.SSLContext:
    """Context that accepts what the system's authorities, or ``ca_pem``, vouch for."""
    context = ssl.create_default_context()
    if ca_pem:
        context.load_verify_locations(cadata=ca_pem)
    context.set_alpn_protocols(["http/1.1"])
    return context


@lru_cache(maxsize=1)
def reading_context() -> ssl.SSLContext:
    """Context that accepts any certificate, weak ones too: to look at, not to trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.set_alpn_protocols(["http/1.1"])
    return context
