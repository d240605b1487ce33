"""A tar archive in pieces: never whole in memory, no owner and no time in it, so equal members give equal bytes."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator


def tar_member(name: str, data: bytes) -> Iterator[bytes]:
    """Header, bytes and padding of one file."""
    about = tarfile.TarInfo(name)
    about.size = len(data)
    yield about.tobuf(tarfile.USTAR_FORMAT)
    yield data
    yield bytes(-len(data) % tarfile.BLOCKSIZE)


def tar_end() -> bytes:
    """The two empty blocks that close an archive."""
    return bytes(2 * tarfile.BLOCKSIZE)
