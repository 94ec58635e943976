"""Local servers for the outside world, and a certificate for them."""

from __future__ import annotations

import asyncio
import runpy
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scorelane.enrichment.catalogue import Catalogue
from scorelane.enrichment.governor import Governor
from scorelane.enrichment.lookup import Due, look_up
from scorelane.enrichment.provider import Request

ISSUED = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="session")
def servers():
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("servers.py"))))


@pytest.fixture
def dns_server(servers):
    with servers.DnsServer() as server:
        yield server


@pytest.fixture
def web_server(servers):
    """On 127.0.0.2, which the tests allow; 127.0.0.1 stays forbidden."""
    with servers.WebServer(host="127.0.0.2") as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """(certificate file, key file) that nobody trusts, issued on ISSUED."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Nobody")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(ISSUED)
        .not_valid_after(ISSUED + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.2"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def broker(stack):
    with redis.Redis.from_url(stack.broker_url) as client:
        client.flushall()
        yield client


@pytest.fixture
def ask():
    """Facts by kind of one entity, straight from a provider."""

    def call(name, entity, **options):  # noqa: ANN003 - options of any provider
        async def run():
            catalogue = Catalogue.of({name: options})
            found = await catalogue[name].look_up(entity)
            await catalogue.close()
            return {finding.kind: finding for finding in found}

        return asyncio.run(run())

    return call


@pytest.fixture
def govern(stack, broker):
    """Outcomes of lookups under the governor, with full buckets unless told otherwise."""

    def call(settings, entities, *, failures=0, broker_url=stack.broker_url, full=True, in_flight=64):
        async def run():
            catalogue = Catalogue.of(settings)
            governor = Governor(broker_url)
            if full:
                for name in settings:
                    broker.setnx(f"scorelane:enrich:bucket:{name}", 0)
            due = [Due(Request(name, entity), failures) for name in settings for entity in entities]
            said = []

            async def settle(outcomes):
                said.extend(outcomes)

            await look_up(due, catalogue, governor, settle, in_flight=in_flight)
            await governor.close()
            await catalogue.close()
            return said

        return asyncio.run(run())

    return call
