"""What opening attachments costs: a file of each kind, mail without any, and the attachments of given mail."""

from __future__ import annotations

import runpy
import time
from collections import Counter
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psutil
from mail import CORPORA, load
from rich.console import Console
from rich.table import Table

from scorelane.extract import Extractor, keys, true_type, wanted
from scorelane.mail import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mail import Mail

    from scorelane.extract import Wanted
    from scorelane.mail import Message

SAMPLES = Path(__file__).parent.parent / "tests" / "extract" / "samples.py"
ROUNDS = 15
MOST = 4_000
"""Messages of one archive of CORPORA."""


def kinds() -> Iterator[tuple[str, bytes]]:
    """(what, content) of a generated file of each kind, and of those made to be slow."""
    samples = SimpleNamespace(**runpy.run_path(str(SAMPLES)))
    members = {f"{number}.html": samples.login_html() for number in range(20)}
    code = samples.code(samples.LURE)
    yield "zip, 20 pages", samples.zipped(members)
    yield "zip in zip in zip", samples.zipped({"a.zip": samples.zipped({"b.zip": samples.zipped(members)})})
    yield "encrypted zip", samples.encrypted_zip()
    yield "zip bomb", samples.zip_bomb()
    yield "gzip bomb, 200 MB", samples.gzipped(bytes(200_000_000))
    yield "tar.gz", samples.gzipped(samples.tarred(members))
    yield "7z, LZMA", samples.seven_lzma("a.html", samples.login_html() * 50)
    yield "rar", samples.rar("a.exe", samples.PE)
    yield "iso", samples.iso("a.exe", samples.PE)
    yield "rar, packed", samples.rar_packed("a", samples.PE)
    yield "cab", samples.cab({"a.exe": samples.PE})
    yield "docm with macros", samples.docm()
    yield "doc with macros and a program", samples.doc()
    yield "docx with a picture", samples.docx_with_picture(samples.picture(code))
    yield "rtf", samples.rtf()
    yield "OneNote", samples.onenote(samples.login_html())
    yield "lnk", samples.lnk("cmd.exe", "/c x")
    yield "html smuggling", samples.smuggling_html(samples.zipped({"a.exe": bytes(60_000)}))
    yield "svg", samples.svg()
    yield "html, 4 MB of links", b"<html>" + b"<a href=//x.test/>" * 230_000
    yield "pdf, one page", samples.pdf_actions()
    yield "pdf with a code", samples.pdf_with_code(samples.LURE)
    yield "pdf, 20,000 open streams", b"%PDF-1.7\n" + b"1 0 obj <</Type/ObjStm>> stream\n" * 20_000
    yield "png with a code", samples.picture(code)
    yield "png, 16 megapixels", samples.picture(samples.Image.effect_noise((4000, 4000), 80))
    yield "calendar", samples.ics()
    yield "eml with a file", samples.eml()
    yield "msg with a file", samples.msg()


def of_kinds(extractor: Extractor) -> Table:
    """Time of one job a kind, a fork and the pipe included."""
    table = Table(
        "file", "size, kB", "median, ms", "worst, ms", "status", title="One file of each kind", title_justify="left"
    )
    for what, content in kinds():
        kind = true_type(content)
        spent = []
        found = extractor.open(content, kind)
        for _ in range(ROUNDS):
            started = time.perf_counter()
            extractor.open(content, kind)
            spent.append(1000 * (time.perf_counter() - started))
        status = f"{found.status} {found.detail}".strip()
        table.add_row(what, f"{len(content) / 1000:,.0f}", f"{median(spent):.1f}", f"{max(spent):.1f}", status)
    return table


def of_mail(extractor: Extractor, mail: Mail, table: Table) -> None:
    """A row: what looking costs each message, and opening those that have something."""
    messages = [parse(one.raw, received_at=one.received_at) for one in mail.messages]
    started = time.perf_counter()
    chosen = [wanted(message) for message in messages]
    looking_us = 1e6 * (time.perf_counter() - started) / len(messages)
    spent, statuses = opened(extractor, chosen)
    table.add_row(
        mail.title.partition(":")[0],
        f"{len(messages):,}",
        f"{_plain_us(messages, chosen):.2f}",
        f"{looking_us:.1f}",
        f"{len(spent):,} of {sum(map(bool, chosen)):,}",
        f"{median(spent):.1f}" if spent else "",
        f"{max(spent):.0f}" if spent else "",
        f"{1000 * sum(spent) / len(messages):,.0f}",
        ", ".join(f"{count} {status}" for status, count in statuses.most_common()),
    )


def _plain_us(messages: list[Message], chosen: list[list[Wanted]]) -> float:
    """Microseconds a message that has nothing worth opening."""
    plain = [message for message, row in zip(messages, chosen, strict=True) if not row and not message.attachments]
    started = time.perf_counter()
    for message in plain:
        wanted(message)
    return 1e6 * (time.perf_counter() - started) / max(1, len(plain))


def opened(extractor: Extractor, chosen: list[list[Wanted]]) -> tuple[list[float], Counter[str]]:
    """Milliseconds of each distinct attachment, and how often each status came."""
    files = {(one.sha256, one.kind): one for row in chosen for one in row}
    spent, statuses = [], Counter[str]()
    for key in keys(chosen):
        started = time.perf_counter()
        statuses[extractor.open(files[key].part.content, key[1]).status] += 1
        spent.append(1000 * (time.perf_counter() - started))
    return spent, statuses


def main() -> None:
    """Print both tables and what a server costs."""
    console = Console(width=160)
    started = time.perf_counter()
    with Extractor() as extractor:
        extractor.open(b"%PDF-1.4", "application/pdf")
        start_s = time.perf_counter() - started
        console.print(of_kinds(extractor))
        table = Table(
            "mail", "messages", "look, µs, without files", "look, µs", "distinct files of messages",
            "median, ms", "worst, ms", "open, µs a message", "statuses", title="Mail", title_justify="left",
        )  # fmt: skip
        named = [name for name in ("odd_mail", "trec07p") if (CORPORA / f"{name}.tar.zst").exists()]
        for name in named or ["sample"]:
            of_mail(extractor, load(name, MOST), table)
        console.print(table)
        resident_mb = psutil.Process(extractor.pid).memory_info().rss / 1e6
        console.print(f"A server starts in {start_s:.1f} s and holds {resident_mb:.0f} MB.")


if __name__ == "__main__":
    main()
