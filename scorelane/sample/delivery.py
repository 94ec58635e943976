"""Puts headers on a body as the sender's program, the servers on the way and the receiving server do."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from scorelane.sample import mime
from scorelane.sample.world import Person, World, public_ip

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

Origin = Literal["webmail", "desktop", "office", "bulk", "script", "list"]


class Mailer(NamedTuple):
    """A service that sends for others, invented after the habits of real ones."""

    domain: str
    bounce: str
    headers: tuple[tuple[str, str], ...]


MAILERS = (
    Mailer("mailgrove.example", "bounces+{n}-{x}@em{k}.{brand}", (("X-MG-EID", "{token}"),)),
    Mailer(
        "sendharbor.example",
        "bounce-mc.us{k}_{n}.{n2}@mail{k}.sendharbor.example",
        (("X-Campaign", "mailharbor{x}.{token8}"), ("X-Report-Abuse", "abuse@sendharbor.example")),
    ),
    Mailer("cloudmail.test", "{x}-000000@amail.{brand}", (("X-CM-Outgoing", "2026.11.24-{ip}"),)),
    Mailer("journeycloud.example", "bounce-{n}_HTML-{n2}@bounce.{brand}", (("x-job", "{n}_{n2}"),)),
    Mailer("{brand}", "bounces@{brand}", (("Precedence", "bulk"), ("Auto-Submitted", "auto-generated"))),
)
_PROGRAMS = {
    "desktop": (
        ("User-Agent", "Mozilla Thunderbird"),
        ("X-Mailer", "Apple Mail (2.3826.300.87.4.3)"),
        ("User-Agent", "Mutt/2.2.13 (2024-03-09)"),
        ("X-Mailer", "iPhone Mail (22D72)"),
    ),
    "office": (("X-Mailer", "Microsoft Outlook 16.0"), ("X-Originating-IP", "[{ip}]")),
    "script": (("X-Mailer", "PHPMailer 6.9.1"), ("X-PHP-Originating-Script", "1001:send.php")),
}


class Scene(NamedTuple):
    """What one message is written with."""

    rng: Random
    world: World
    to: Person
    when: datetime

    def token(self, bits: int = 128) -> str:
        """Random hexadecimal digits."""
        return f"{self.rng.getrandbits(bits):0{bits // 4}x}"


@dataclass
class Letter:
    """A message as its sender hands it over."""

    sender: tuple[str, str]
    """Display name and address."""
    subject: str
    body: mime.Part
    origin: Origin = "webmail"
    mailer: int = 0
    signed_by: str | None = None
    """DKIM domain; the sender's own when None, nothing when empty."""
    spf: str = "pass"
    dkim: str = "pass"
    dmarc: str = "pass"
    envelope_from: str | None = None
    host: str | None = None
    to: list[tuple[str, str]] = field(default_factory=list)
    extra: list[tuple[str, str]] = field(default_factory=list)
    unsubscribe: bool = False
    message_id: str | None = None
    date_header: bool = True


def deliver(scene: Scene, letter: Letter) -> bytes:
    """The raw message as it lies in the recipient's mailbox."""
    rng = scene.rng
    address = letter.sender[1]
    domain = address.rpartition("@")[2]
    mailer = MAILERS[letter.mailer % len(MAILERS)]
    ip = public_ip(rng)
    fields = {
        "n": str(rng.randint(10**6, 10**8)),
        "n2": str(rng.randint(10**5, 10**6)),
        "k": str(rng.randint(1, 20)),
        "x": scene.token(32),
        "token": base64.b64encode(rng.randbytes(30)).decode(),
        "token8": scene.token(40),
        "brand": domain,
        "ip": ip,
    }
    bulk = letter.origin == "bulk"
    envelope = letter.envelope_from
    if envelope is None:
        envelope = mailer.bounce.format_map(fields) if bulk else address
    host = letter.host or (f"o{fields['k']}.{mailer.domain.format_map(fields)}" if bulk else _host(rng, domain))
    headers = [
        ("Return-Path", f"<{envelope}>"),
        *_received(scene, letter, host, ip),
        *_judged(scene, letter, envelope, domain, ip),
        *_signatures(scene, letter, domain, mailer.domain.format_map(fields) if bulk else ""),
    ]
    own = [
        ("From", mime.mailbox(*letter.sender)),
        ("To", ", ".join(mime.mailbox(*one) for one in letter.to or [_addressed(scene, bulk=bulk)])),
        ("Subject", mime.word(letter.subject)),
        ("Message-ID", letter.message_id or message_id(scene, letter.origin, domain, host)),
        ("MIME-Version", "1.0"),
    ]
    if letter.date_header:
        own.append(("Date", format_datetime(scene.when)))
    if rng.random() < 0.5:  # programs differ in their order
        rng.shuffle(own)
    headers += own + letter.extra
    programs = _PROGRAMS.get(letter.origin)
    if programs and rng.random() < 0.8:
        name, value = rng.choice(programs)
        headers.append((name, value.format(ip=ip)))
    if bulk:
        headers += [(name, value.format_map(fields)) for name, value in mailer.headers]
    if letter.unsubscribe:
        headers += _list_headers(scene, domain)
    headers += letter.body.headers
    head = "".join(f"{name}: {value}\n" for name, value in headers)
    return head.encode("utf-8", "replace") + b"\n" + letter.body.content


def message_id(scene: Scene, origin: str, domain: str, host: str = "") -> str:
    """A Message-ID in the manner of the sender's program."""
    rng = scene.rng
    forms = {
        "webmail": f"<CA{base64.urlsafe_b64encode(rng.randbytes(36)).decode()}@mail.{domain}>",
        "office": f"<{scene.token(48).upper()}.{scene.token(64).upper()}@EX{rng.randint(1, 40):02}.{domain}>",
        "bulk": f"<{scene.token(96)}.{rng.randint(1, 99999)}@{host or domain}>",
        "script": f"<{scene.token(128)}@{host or domain}>",
    }
    return forms.get(origin, f"<{scene.token(32)}-{scene.token(16)}-{scene.token(16)}-{scene.token(48)}@{domain}>")


def _addressed(scene: Scene, *, bulk: bool) -> tuple[str, str]:
    named = scene.rng.random() < (0.35 if bulk else 0.7)
    return (scene.to.name if named else "", scene.to.address)


def _host(rng: Random, domain: str) -> str:
    return f"{rng.choice(('mail', 'mx', 'smtp', 'out', 'relay', 'mta1', 'mail-sor'))}.{domain}"


def _received(scene: Scene, letter: Letter, host: str, ip: str) -> list[tuple[str, str]]:
    rng = scene.rng
    stamp = format_datetime(scene.when)
    home = scene.world.home
    literal = f"IPv6:{ip}" if ":" in ip else ip
    proto = rng.choice(("ESMTPS", "ESMTP", "esmtps (TLS1.3) tls TLS_AES_256_GCM_SHA384"))
    known = host if rng.random() < (0.92 if letter.spf == "pass" else 0.5) else "unknown"
    lines = [
        (
            "Received",
            f"from {host} ({known} [{literal}])\n\tby mx.{home} with {proto} id {scene.token(40)}\n"
            f"\tfor <{scene.to.address}>; {stamp}",
        )
    ]
    if rng.random() < 0.4:  # an inner relay
        lines.insert(
            0,
            (
                "Received",
                f"from mx.{home} (mx.{home} [192.0.2.25])\n\tby store.{home} with LMTP id {scene.token(48)}; {stamp}",
            ),
        )
    if letter.origin in {"desktop", "office", "webmail"} and rng.random() < 0.8:
        inner = rng.choice((f"[10.{rng.randint(0, 255)}.0.{rng.randint(2, 250)}]", "localhost [127.0.0.1]"))
        lines.append(("Received", f"from {inner} by {host} with ESMTPSA id {scene.token(40)};\n\t{stamp}"))
    if letter.origin == "bulk":
        lines.append(("Received", f"by filter{rng.randint(1, 999):04}.{host} with SMTP id {scene.token(56)}; {stamp}"))
    return lines


def _judged(scene: Scene, letter: Letter, envelope: str, domain: str, ip: str) -> list[tuple[str, str]]:
    if scene.rng.random() < 0.15:  # its presence says nothing of the sender
        return []
    results = [f"spf={letter.spf} smtp.mailfrom={envelope or domain}"]
    signed = domain if letter.signed_by is None else letter.signed_by
    results.append(f"dkim={letter.dkim} header.d={signed}" if signed else "dkim=none")
    results.append(f"dmarc={letter.dmarc} header.from={domain}")
    home = scene.world.home
    headers = [("Authentication-Results", f"mx.{home};\n\t" + ";\n\t".join(results))]
    if scene.rng.random() < 0.4:
        note = f"{letter.spf} (mx.{home}: {ip}) client-ip={ip}; envelope-from={envelope}"
        headers.append(("Received-SPF", note))
    return headers


def _signatures(scene: Scene, letter: Letter, domain: str, service: str) -> list[tuple[str, str]]:
    signed = domain if letter.signed_by is None else letter.signed_by
    if not signed or letter.dkim == "none":
        return []
    names = [signed]
    if service and service != signed and scene.rng.random() < 0.6:  # the service signs too
        names.append(service)
    return [("DKIM-Signature", _signature(scene, name)) for name in names]


def _signature(scene: Scene, domain: str) -> str:
    rng = scene.rng
    body_hash = base64.b64encode(rng.randbytes(32)).decode()
    signature = base64.b64encode(rng.randbytes(256)).decode()
    folded = "\n\t ".join(signature[at : at + 70] for at in range(0, len(signature), 70))
    selector = rng.choice(("s1", "k2", "selector1", "mail", "20251114", "dkim"))
    return (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain};\n\ts={selector}; "
        f"t={int(scene.when.timestamp())}; h=From:To:Subject:Date:Message-ID:MIME-Version;\n"
        f"\tbh={body_hash};\n\tb={folded}"
    )


def _list_headers(scene: Scene, domain: str) -> list[tuple[str, str]]:
    rng = scene.rng
    token = scene.token(96)
    web = f"<https://{rng.choice(('click', 'links', 'email', 'www'))}.{domain}/unsubscribe/{token}>"
    mail = f"<mailto:unsubscribe-{token[:12]}@{domain}?subject=unsubscribe>"
    headers = [("List-Unsubscribe", rng.choice((web, mail, f"{web}, {mail}")))]
    if web in headers[0][1] and rng.random() < 0.7:
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    if rng.random() < 0.4:
        headers.append(("List-ID", f"<{rng.randint(1000, 99999)}.{domain}>"))
    if rng.random() < 0.4:
        headers.append(("Feedback-ID", f"{rng.randint(1, 99999)}:{token[:6]}:{domain.split('.', maxsplit=1)[0]}"))
    return headers
