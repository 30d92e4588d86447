"""Bytes that are packed as a whole: taken apart, and packed again in the same way."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable

import pyarrow as pa

ZIP = b"PK\x03\x04"
FAULTS = (pa.ArrowException, zipfile.BadZipFile, lzma.LZMAError, OSError, EOFError, ValueError, zlib.error)
Bytes = Callable[[bytes], bytes]


def _zstd(content: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        return bytes(stream.read())


def _zstd_again(content: bytes) -> bytes:
    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        stream.write(content)
    return bytes(target.getvalue())


PACKED: dict[bytes, tuple[Bytes, Bytes]] = {
    b"\x1f\x8b": (gzip.decompress, lambda content: gzip.compress(content, mtime=0)),
    b"BZh": (bz2.decompress, bz2.compress),
    b"\xfd7zXZ\x00": (lzma.decompress, lzma.compress),
    b"\x28\xb5\x2f\xfd": (_zstd, _zstd_again),
}


def inside(content: bytes) -> bytes | None:
    """What is packed in it; None where it is packed in no way that is known, or cannot be unpacked."""
    for magic, (unpack, _) in PACKED.items():
        if content.startswith(magic):
            try:
                return unpack(content)
            except FAULTS:
                return None
    return None


def edit(content: bytes, change: Bytes) -> bytes:
    """The bytes after a change of what is packed in them, each file of an archive by itself."""
    if content.startswith(ZIP):
        target = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
            for one in old.infolist():
                new.writestr(one, edit(old.read(one), change))
        return target.getvalue()
    for magic, (unpack, pack) in PACKED.items():
        if content.startswith(magic):
            return pack(edit(unpack(content), change))
    return change(content)
