"""When the certificate of a linked host was issued, and whether anybody trusts it."""

from __future__ import annotations

import asyncio
import ssl
from itertools import islice
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID

from scorelane.enrichment.errors import Rejected, TimedOut, Unavailable
from scorelane.enrichment.guard import Guard
from scorelane.enrichment.names import Names, NoSuchName
from scorelane.enrichment.provider import DAY_S, Finding, Options, Provider
from scorelane.signals.derived.senders import registrable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scorelane.enrichment.entities import Carried

HOSTS = 3


class CertificateOptions(Options, frozen=True, kw_only=True):
    """Networks that are allowed beside the public internet, and the port where certificates are shown."""

    rate_per_s: float = 10.0
    timeout_s: float = 6.0
    fresh_s: float = 3 * DAY_S
    port: int = 443
    servers: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()


class Certificates(Provider):
    """One TLS handshake; nothing is sent after it."""

    name = "certificates"
    kinds = ("certificate_issued_at", "certificate_trusted")
    Settings = CertificateOptions
    options: CertificateOptions

    def __init__(self, options: CertificateOptions) -> None:
        super().__init__(options)
        self._guard = Guard(options.inside)
        self._names = Names(options.servers, timeout_s=options.timeout_s / 2)

    def wants(self, message: Carried) -> Iterable[str]:
        """Hosts of https links."""
        return islice(message.https_hosts, HOSTS)

    def registry(self, entity: str) -> str:
        """The domain's owner, whose own server shows the certificate."""
        return registrable(entity)

    async def look_up(self, entity: str) -> tuple[Finding, ...]:
        """Start of the certificate's validity in Unix seconds; 1 when it is trusted for this host, else 0."""
        try:
            addresses = await self._guard.resolve(entity, self.options.port, self._names)
        except NoSuchName:
            addresses = ()
        if not addresses:
            return tuple(Finding(kind, status="not_found") for kind in self.kinds)
        trusted = True
        try:
            shown = await self._handshake(entity, addresses[0], ssl.create_default_context())
        except ssl.SSLCertVerificationError:
            trusted = False
            shown = await self._handshake(entity, addresses[0], _unverified())
        try:
            certificate = x509.load_der_x509_certificate(shown)
            issuer = certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
            body = {"issuer": str(issuer[0].value)[:200].replace("\0", "") if issuer else None}
            issued_at = certificate.not_valid_before_utc.timestamp()
        except ValueError as fault:
            raise Rejected("the certificate cannot be read") from fault
        return (
            Finding("certificate_issued_at", issued_at, body=body),
            Finding("certificate_trusted", float(trusted)),
        )

    async def _handshake(self, host: str, address: str, context: ssl.SSLContext) -> bytes:
        try:
            async with asyncio.timeout(self.options.timeout_s / 2):
                _, writer = await asyncio.open_connection(address, self.options.port, ssl=context, server_hostname=host)
        except ssl.SSLCertVerificationError:
            raise
        except TimeoutError as fault:
            raise TimedOut("no TLS handshake in time") from fault
        except (OSError, ssl.SSLError) as fault:
            raise Unavailable(f"no TLS there: {type(fault).__name__}") from fault
        shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.transport.abort()
        if not shown:
            raise Rejected("the server showed no certificate")
        return shown


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
