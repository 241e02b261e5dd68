"""Gzip: what its bytes begin with, and how they are unpacked as they come."""

import zlib

MAGIC = b"\x1f\x8b"


def unpacker() -> "zlib._Decompress":
    """Unpack one member; several may be joined to one file."""
    return zlib.decompressobj(16 + zlib.MAX_WBITS)  # gzip alone, and no bare zlib
