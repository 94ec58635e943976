"""Raster pictures: size, and the codes a phone's camera would read."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

import zxingcpp
from PIL import Image as Picture
from PIL import ImageFile

from scorelane.extract.kinds.reading import clean
from scorelane.mail.opened import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from scorelane.extract.kinds.reading import Reading

_FORMATS = ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]
"""Only these plugins may see the bytes; Pillow knows many more formats than mail needs."""
_CODES = zxingcpp.barcode_formats_from_str("QRCode,MicroQRCode,RMQRCode,DataMatrix,Aztec")
_SMALLEST_SIDE = 21  # a QR code has at least 21 modules
_LARGEST_SIDE = 1600
_QUIET_ZONE = 16
_MAX_CODES = 10


def codes(picture: Picture.Image, reading: Reading, page: int = 0) -> tuple[str, ...]:
    """Texts of the codes in a picture; their URLs are kept, with the page that shows it."""
    if min(picture.size) < _SMALLEST_SIDE or not reading.budget.take_image():
        return ()
    if max(picture.size) > _LARGEST_SIDE:
        picture.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    found = [code.text for code in zxingcpp.read_barcodes(_grey(picture), formats=_CODES)[:_MAX_CODES]]
    for text in found:
        reading.url(text, page) if ":" in text[:12] else reading.urls_in(text, page)
    return tuple(clean(text, reading.limits.url_chars) for text in found)


def _grey(picture: Picture.Image) -> Picture.Image:
    """Grey on white with a margin: a code on transparent ground or cut to its edge still reads."""
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        ground = Picture.new("RGBA", layer.size, "white")
        ground.alpha_composite(layer)
        picture = ground
    grey = picture.convert("L")
    framed = Picture.new("L", (grey.width + 2 * _QUIET_ZONE, grey.height + 2 * _QUIET_ZONE), 255)
    framed.paste(grey, (_QUIET_ZONE, _QUIET_ZONE))
    return framed


def read(content: bytes, reading: Reading) -> dict[str, Any]:
    """Width, height and codes; a picture over the pixel limit is measured and not decoded.

    One that is none behind its first bytes is `unsupported`, with the detail `unreadable`.
    """
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    Picture.MAX_IMAGE_PIXELS = None  # our own limit is lower, and told in the status
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Picture.open(io.BytesIO(content), formats=_FORMATS)
        except OSError:  # cut or damaged in its first bytes: no viewer shows it either
            reading.budget.lack("unreadable")
            return {}
    width, height = picture.size
    if width * height > reading.limits.pixels:
        reading.budget.refuse("pixels")
        return {"image": Image(width=width, height=height)}
    animated = bool(getattr(picture, "is_animated", False)) and picture.format != "TIFF"
    found: tuple[str, ...] = ()
    if min(picture.size) >= _SMALLEST_SIDE:
        picture.draft("L", (_LARGEST_SIDE, _LARGEST_SIDE))
        picture.load()
        found = codes(picture, reading)
    return {"image": Image(width=width, height=height, qr=found, frames=2 if animated else 1)}


READERS: dict[str, Callable[[bytes, Reading], dict[str, Any]]] = dict.fromkeys(
    ("image/png", "image/jpeg", "image/gif", "image/bmp", "image/tiff", "image/webp"), read
)
