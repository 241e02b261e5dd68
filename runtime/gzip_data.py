"""Gzip: what its bytes begin with, and how they are packed and unpacked as they come."""

import zlib

MAGIC = b"\x1f\x8b"
_GZIP_ALONE = 16 + zlib.MAX_WBITS  # and no bare zlib


def packer(level: int) -> "zlib._Compress":
    """Pack one member."""
    return zlib.compressobj(level, wbits=_GZIP_ALONE)


def unpacker() -> "zlib._Decompress":
    """Unpack one member; several may be joined to one file."""
    return zlib.decompressobj(_GZIP_ALONE)
