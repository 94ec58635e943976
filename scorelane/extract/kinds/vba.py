"""VBA source and what it says of itself."""

from __future__ import annotations

import ahocorasick_rs

_CHUNK = 4096
_CHUNK_SIGNATURE = 0x3000
_SOURCE_MARK = b"\x00Attribut"
AUTO_EXEC = (
    "AutoExec", "AutoOpen", "Auto_Open", "AutoClose", "Auto_Close", "AutoNew", "AutoExit", "DocumentOpen",
    "Document_Open", "Document_New", "Document_Close", "DocumentChange", "Workbook_Open", "WorkbookOpen",
    "Workbook_Activate", "Workbook_BeforeClose", "Workbook_Close", "Presentation_Open", "Presentation_Close",
    "Slide_Show_Begin", "InkPicture1_Painted", "Frame1_Layout", "UserForm_Initialize", "MultiPage1_Layout",
)  # fmt: skip
SUSPICIOUS = (
    "Shell", "WScript.Shell", "CreateObject", "GetObject", "Shell.Application", "ExecQuery", "Win32_Process",
    "PowerShell", "cmd.exe", "mshta", "rundll32", "regsvr32", "certutil", "bitsadmin", "wmic", "cscript", "wscript",
    "URLDownloadToFile", "XMLHTTP", "WinHttp", "ADODB.Stream", "SaveToFile", "Environ", "VirtualAlloc",
    "RtlMoveMemory", "CreateThread", "CallByName", "StrReverse", "ChrW", "Xor", "FromBase64", "Base64",
    "CallWindowProc",
    "Application.Run", "ExecuteExcel4Macro", 'Lib "kernel32"', "RegWrite", "Kill", "DDEInitiate",
)  # fmt: skip
_WORDS = {word.lower(): word for word in (*AUTO_EXEC, *SUSPICIOUS)}
_FINDER = ahocorasick_rs.AhoCorasick(list(_WORDS))
_SHOWN = list(_WORDS.values())


def decompress(container: bytes, limit_bytes: int) -> bytes:
    """Source of one compressed container ([MS-OVBA] section 2.4.1), as far as it can be read."""
    if not container or container[0] != 1:
        return b""
    out = bytearray()
    at = 1
    while at + 2 <= len(container) and len(out) < limit_bytes:
        header = int.from_bytes(container[at : at + 2], "little")
        if header & 0x7000 != _CHUNK_SIGNATURE:
            break
        end = min(at + (header & 0x0FFF) + 3, len(container))
        at += 2
        if not header & 0x8000:
            out += container[at : at + _CHUNK]
            at += _CHUNK
            continue
        _chunk(container, at, end, out)
        at = end
    return bytes(out[:limit_bytes])


def _chunk(container: bytes, at: int, end: int, out: bytearray) -> None:
    start = len(out)
    while at < end:
        flags = container[at]
        at += 1
        for bit in range(8):
            if at >= end:
                return
            if not flags >> bit & 1:
                out.append(container[at])
                at += 1
                continue
            if at + 2 > end:
                return
            token = int.from_bytes(container[at : at + 2], "little")
            at += 2
            bits = max(4, (len(out) - start - 1).bit_length())
            length = (token & (0xFFFF >> bits)) + 3
            offset = (token >> (16 - bits)) + 1
            if offset > len(out):
                return
            for _ in range(length):
                out.append(out[-offset])


def source(stream: bytes, limit_bytes: int) -> str:
    """Source of a module stream: the container stands behind compiled code of unknown length."""
    at = stream.find(_SOURCE_MARK)
    if at < 3:  # noqa: PLR2004 - signature byte and chunk header stand before the first flag byte
        return ""
    return decompress(stream[at - 3 :], limit_bytes).decode("latin-1")


def marks(text: str) -> tuple[list[str], list[str]]:
    """(procedures that run by themselves, suspicious words), each in the order of the lists above."""
    seen = {_SHOWN[index] for index, _, _ in _FINDER.find_matches_as_indexes(text.lower(), overlapping=True)}
    return [word for word in AUTO_EXEC if word in seen], [word for word in SUSPICIOUS if word in seen]
