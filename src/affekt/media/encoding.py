"""From bytes to Unicode: which encoding it is, what is no text at all, and what could not be decoded."""

from __future__ import annotations

from affekt.core.errors import InputError

__all__ = ["clean", "encoding_of", "points_elsewhere", "signature"]

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a zip archive, an Excel workbook or a Word document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"RIFF", "sound or video"),
    (b"OggS", "sound"),
    (b"fLaC", "sound"),
    (b"ID3", "sound"),
    (b"\x7fELF", "a program"),
)
_CONTROL = bytes(set(range(32)) - {9, 10, 11, 12, 13, 27})


def clean(value: str) -> tuple[str, str | None]:
    """Replace what is no Unicode text, and say so. Bytes that were no UTF-8 arrive as lone surrogates."""
    if value.isascii():
        return value, None
    try:
        value.encode()
    except UnicodeEncodeError:
        try:
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), "invalid UTF-8 (bytes replaced)"
        except UnicodeEncodeError:
            return value.encode("utf-8", "replace").decode(), "invalid Unicode (lone surrogates replaced)"
    return value, None


def points_elsewhere(where: str) -> InputError:
    """What is said of a playlist."""
    return InputError(
        "This is a playlist: it holds no sound but the addresses of other files, which are not followed",
        where=where,
        hint="Name the sound files themselves.",
    )


def signature(head: bytes) -> str | None:
    """What a file is by its first bytes, such as "a PNG image"; `None` where they are on no list."""
    return next((what for magic, what in _MAGIC if head.startswith(magic)), None)


def encoding_of(head: bytes, where: str) -> str:
    """Encoding by the byte order mark or the pattern of NULs; refuses what is no text."""
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    # The mark of little-endian UTF-32 is also that of UTF-16 before a NUL; only then are the other bytes no characters.
    big = head.startswith(b"\x00\x00\xfe\xff")
    if big or head.startswith(b"\xff\xfe\x00\x00"):
        high, plane = (head[0::4], head[1::4]) if big else (head[3::4], head[2::4])
        if not any(high) and max(plane) <= 0x10:
            return "utf-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    controls = len(head) - len(head.translate(None, _CONTROL))
    binary = b"\x00" in head or controls > 0.05 * len(head)
    for magic, what in _MAGIC:
        # A text may well begin with "RIFF" or "ID3", but not with the other bytes.
        if head.startswith(magic) and (binary or not magic.isalnum()):
            raise InputError(f"This is not text but {what}", where=where, hint="Export its text as .txt or .csv.")
    nul_even, nul_odd, half = head[0::2].count(0), head[1::2].count(0), max(len(head) // 2, 1)
    if nul_odd > 0.3 * half and nul_even < 0.05 * half:
        return "utf-16-le"
    if nul_even > 0.3 * half and nul_odd < 0.05 * half:
        return "utf-16-be"
    if binary:
        raise InputError("This is not text but binary data", where=where, hint="Export its text as .txt or .csv.")
    return "utf-8"
