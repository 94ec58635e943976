"""Lays one list of blocks out twice: as plain text and as the HTML that mass mailers write."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random


class Block(NamedTuple):
    """A piece of a body."""

    kind: Literal["head", "para", "button", "items", "rows", "image", "rule", "small"]
    text: str = ""
    url: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def head(text: str) -> Block:
    """A heading."""
    return Block("head", text)


def para(text: str) -> Block:
    """A paragraph."""
    return Block("para", text)


def button(text: str, url: str) -> Block:
    """A link that looks like a button."""
    return Block("button", text, url)


def items(texts: Sequence[str]) -> Block:
    """A list."""
    return Block("items", rows=tuple((text,) for text in texts))


def rows(cells: Sequence[tuple[str, ...]]) -> Block:
    """A table."""
    return Block("rows", rows=tuple(cells))


def plain(blocks: Sequence[Block], width: int = 72) -> str:
    """The blocks as plain text."""
    out: list[str] = []
    for block in blocks:
        match block.kind:
            case "head":
                out.append(f"{block.text}\n{'=' * min(len(block.text), width)}")
            case "button":
                out.append(f"{block.text}:\n{block.url}")
            case "items":
                out.append("\n".join(f"* {row[0]}" for row in block.rows))
            case "rows":
                out.append("\n".join("  ".join(row) for row in block.rows))
            case "rule":
                out.append("-" * width)
            case "image":
                out.append(f"[{block.text}]")
            case _:
                out.append(wrap(block.text, width) + (f"\n{block.url}" if block.url else ""))
    return "\n\n".join(out) + "\n"


def wrap(text: str, width: int) -> str:
    """The text in lines of at most this width where words allow it."""
    lines, line = [], ""
    for token in text.split(" "):
        if line and len(line) + len(token) >= width:
            lines.append(line)
            line = token
        else:
            line = f"{line} {token}" if line else token
    return "\n".join([*lines, line])


def page(
    rng: Random,
    blocks: Sequence[Block],
    *,
    title: str,
    colour: str = "#333333",
    preheader: str = "",
    pixel: str = "",
    banner: str = "",
) -> str:
    """The blocks as an HTML mail: tables or plain divs, with a preheader and a tracking image where given."""
    family = rng.choice(("Arial, Helvetica, sans-serif", "'Segoe UI', Tahoma, sans-serif", "Georgia, serif"))
    body = "\n".join(_markup(block, colour) for block in blocks)
    hidden = (
        f'<div style="display:none;max-height:0;overflow:hidden">{html.escape(preheader)}</div>\n' if preheader else ""
    )
    image = f'<img src="{html.escape(pixel)}" width="1" height="1" alt="">\n' if pixel else ""
    top = f'<img src="{html.escape(banner)}" alt="{html.escape(title)}" width="600">\n' if banner else ""
    if rng.random() < 0.7:  # most mass mail is laid out in tables
        body = (
            '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0"><tr>'
            '<td align="center"><table role="presentation" width="600" cellpadding="0" cellspacing="0" '
            f'style="border-top:4px solid {colour}"><tr><td style="padding:24px">\n{top}{body}\n'
            "</td></tr></table></td></tr></table>"
        )
    else:
        body = f'<div style="max-width:640px;margin:auto;padding:16px">\n{top}{body}\n</div>'
    doctype = rng.choice(("<!DOCTYPE html>\n", '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN">\n', ""))
    return (
        f'{doctype}<html><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f"<style>body{{margin:0;font-family:{family};color:#222}} a{{color:{colour}}}</style></head>\n"
        f"<body>\n{hidden}{body}\n{image}</body></html>\n"
    )


def simple_html(blocks: Sequence[Block]) -> str:
    """The blocks as a person's mail program writes HTML."""
    return f'<div dir="ltr">{"".join(_markup(block, "#1a0dab") for block in blocks)}</div>\n'


def _markup(block: Block, colour: str) -> str:  # noqa: PLR0911 - one return a kind of block
    text = html.escape(block.text).replace("\n", "<br>\n")
    url = html.escape(block.url)
    match block.kind:
        case "head":
            return f'<h2 style="color:{colour}">{text}</h2>'
        case "button":
            style = f"background:{colour};color:#ffffff;padding:12px 20px;text-decoration:none"
            return f'<p><a href="{url}" style="{style}">{text}</a></p>'
        case "items":
            return "<ul>" + "".join(f"<li>{html.escape(row[0])}</li>" for row in block.rows) + "</ul>"
        case "rows":
            cells = ("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows)
            return f'<table width="100%" cellpadding="4">{"".join(cells)}</table>'
        case "rule":
            return "<hr>"
        case "image":
            return f'<p><img src="{url}" alt="{text}" width="560"></p>'
        case "small":
            link = f'<a href="{url}">{text}</a>' if url else text
            return f'<p style="font-size:12px;color:#777777">{link}</p>'
        case _:
            return f'<p><a href="{url}">{text}</a></p>' if url else f"<p>{text}</p>"
