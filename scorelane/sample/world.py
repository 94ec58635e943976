"""Who writes in the sample: invented people and companies at reserved names and addresses (RFC 2606, 5737)."""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property
from random import Random
from typing import Literal, NamedTuple

FIRST = (
    "Ana Ben Carla David Elena Femi Greta Hugo Ines Jonas Katya Liam Mei Noah Olga Pavel Rosa Samir Tara "
    "Umar Vera Wim Yuki Zoe Amara Björn Chidi Dana Emre Farah Gil Hana Ivo Jana Kofi Lena Mateo Nadia Oskar "
    "Priya Quentin Ravi Sofia Tomas Ulla Viktor Wanda Xenia Yara Zeki Alice Bruno Clara Dmitri Erin Felix"
).split()
LAST = (
    "Abara Bergman Castell Duarte Eklund Ferro Grünwald Hale Ibarra Jansen Kowal Lindqvist Moreau Nakata "
    "Okafor Pereira Quist Rossi Sandoval Tanaka Ungar Varga Whitlock Yilmaz Zeman Almeida Brandt Conti Dervish "
    "Ellwood Fontaine Garrick Holm Ivers Jurado Keller Lund Marchetti Novak Ostrow Palmer Reyes Soto Thorne "
    "Urban Vance Winter Yates Zoller Ashby Birch Crane Dalton Everett Flint Grove"
).split()
_FRONT = (
    "north south river stone blue green bright clear swift open first silver maple cedar harbor summit "
    "lumen nova terra aero velo orbit pixel copper amber coral prairie willow falcon heron otter juniper "
    "quill lantern beacon meadow granite delta vista zephyr"
).split()
_BACK = {
    "shop": "market goods store outfitters home wear supply books kitchen garden toys sports audio",
    "bank": "bank credit savings trust pay finance",
    "news": "post times daily courier herald wire review gazette",
    "cloud": "cloud stack host metrics deploy docs sync desk board labs",
    "travel": "air rail stays tours hotels ferries cars",
    "post": "parcel freight express post courier",
    "social": "circle link meet forum groups photos",
    "utility": "energy water mobile telecom fibre insurance",
    "club": "chess runners choir library school clinic museum theatre foundation alliance",
    "firm": "partners consulting engineering logistics legal design systems industries media foods",
}
LinksBy = Literal["own", "sister", "mailer"]
_LINKS_BY: tuple[LinksBy, ...] = ("own", "sister", "mailer")
_COLOURS = ("#0b5fff", "#137333", "#b3261e", "#5b2a86", "#00695c", "#c4490a", "#243b53", "#8a1c4a")
_CITIES = (
    "Lisbon Turin Malmö Ghent Bergen Porto Graz Leeds Tampere Brno Aarhus Lyon Dayton Tucson Halifax Perth "
    "Accra Pune Osaka Cusco Galway Utrecht Kraków Split Bremen Spokane Savannah Boise Durham Eugene"
).split()


class Person(NamedTuple):
    """Somebody with an address."""

    first: str
    last: str
    address: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


class Brand(NamedTuple):
    """A company that writes to many."""

    name: str
    domain: str
    trade: str
    colour: str
    mailer: int
    """Which mass mailer it uses, see `delivery.MAILERS`."""
    city: str
    sister: str
    """Another domain of the same company, as for its pictures or its mail."""
    writes_at: str
    """Domain of its mass mail's sender."""
    links_by: LinksBy
    """Whose host its links go to first."""
    scheme: Literal["https", "http"]


def ascii_word(text: str) -> str:
    """Lower-case letters and digits only, accents removed."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", plain.lower())


class World:
    """The people and companies of one seed; they write again and again, as real ones do."""

    def __init__(self, seed: int, home: str | None = None) -> None:
        self.seed = seed
        self._rng = Random(f"world {seed}")
        self.home = home or self._domain(self._rng, "firm")
        """Domain of the protected organisation."""

    @staticmethod
    def _domain(rng: Random, trade: str) -> str:
        word = rng.choice(_FRONT) + rng.choice(("", "", "-")) + rng.choice(_BACK[trade].split())
        return f"{word}.{rng.choice(('example', 'example', 'example', 'test'))}"

    def person(self, rng: Random, domain: str) -> Person:
        """A new person at a domain."""
        first, last = rng.choice(FIRST), rng.choice(LAST)
        given, family = ascii_word(first), ascii_word(last)
        local = rng.choice(
            (
                f"{given}.{family}",
                f"{given[0]}{family}",
                given,
                f"{given}_{family}",
                f"{given}{rng.randint(1, 99)}",
            )
        )
        return Person(first, last, f"{local}@{domain}")

    @cached_property
    def staff(self) -> list[Person]:
        """People of the protected organisation."""
        rng = Random(f"staff {self.seed}")
        return [self.person(rng, self.home) for _ in range(12)]

    @cached_property
    def friends(self) -> list[Person]:
        """People who write from mail services for everybody."""
        rng = Random(f"friends {self.seed}")
        services = ("postbox.example", "freemail.example", "inbox.test", "example.net", "example.org")
        return [self.person(rng, rng.choice(services)) for _ in range(40)]

    @cached_property
    def partners(self) -> list[Person]:
        """People of other companies."""
        rng = Random(f"partners {self.seed}")
        domains = [self._domain(rng, "firm") for _ in range(10)]
        return [self.person(rng, rng.choice(domains)) for _ in range(30)]

    @cached_property
    def brands(self) -> dict[str, list[Brand]]:
        """Companies by trade."""
        rng = Random(f"brands {self.seed}")
        return {trade: [self._brand(rng, trade) for _ in range(7)] for trade in _BACK}

    def _brand(self, rng: Random, trade: str) -> Brand:
        front, back = rng.choice(_FRONT), rng.choice(_BACK[trade].split())
        name = f"{front.title()}{rng.choice((' ', '', ' & ' if trade == 'shop' else ' '))}{back.title()}"
        domain = f"{front}{rng.choice(('', '-'))}{back}.{rng.choice(('example', 'example', 'test'))}"
        colour, mailer, place = rng.choice(_COLOURS), rng.randrange(5), rng.choice(_CITIES)
        sister = f"{front[:4]}{rng.choice(('mail', 'cdn', 'digital', 'media', 'sig', 'news'))}.{rng.choice(('example', 'test'))}"
        writes_at = sister if rng.random() < 0.06 else domain
        links_by: LinksBy = rng.choices(_LINKS_BY, (86, 5, 9))[0]
        scheme: Literal["https", "http"] = "http" if rng.random() < 0.12 else "https"
        return Brand(name, domain, trade, colour, mailer, place, sister, writes_at, links_by, scheme)


def city(rng: Random) -> str:
    """Name of a town."""
    return rng.choice(_CITIES)


def public_ip(rng: Random) -> str:
    """An address of the documentation ranges (RFC 5737, now and then RFC 3849)."""
    if rng.random() < 0.06:  # few mail servers speak IPv6
        return f"2001:db8:{rng.randrange(0xFFFF):x}::{rng.randrange(1, 0xFFFF):x}"
    return f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"
