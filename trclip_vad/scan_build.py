"""Builds `scan.cpp` with the machine's C++ compiler, once, into the cache folder; a second or so.

The built file is named by the digest of the source, the command, the compiler and the processor's abilities, so that
neither another version nor another machine on the same home folder loads it by mistake.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from rewrite.errors import ModelError
from rewrite.manifest import digest, storage

SOURCE = Path(__file__).with_name("scan.cpp")
COMPILERS = ("c++", "g++", "clang++")  # $CXX before them
# Sums may be reordered, NaN must stay NaN, and loading must not make the process flush denormals: no -ffast-math.
FLAGS = ["-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"]
FLAGS += ["-fassociative-math", "-ffp-contract=fast", "-pthread", "-shared", "-fPIC"]


@cache
def library() -> ctypes.CDLL:
    """The built scan, loaded.

    Raises:
        ModelError: no C++ compiler, or it failed.
        StorageError: the cache folder cannot be written.
    """
    compiler = _compiler()
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout
    name = digest([SOURCE.read_text(), FLAGS, version, _processor()])[:32]
    home = os.environ.get("TRCLIP_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "trclip"
    built = Path(home).expanduser() / "scan" / f"{name}.so"
    if not built.is_file():
        _build(compiler, built)
    return ctypes.CDLL(str(built))


def _build(compiler: str, built: Path) -> None:
    """Into a folder of its own beside the target, then moved: two processes may build at once."""
    with storage(built):
        built.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=built.parent) as folder:
            partial = Path(folder) / built.name
            command = [compiler, *FLAGS, str(SOURCE), "-o", str(partial)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                said = (done.stderr.strip() or "no message").splitlines()[0]
                raise ModelError(f"scan native: {compiler}", f"could not build scan.cpp ({said})", _OTHERS)
            os.replace(partial, built)


_OTHERS = "Choose scan=chunked, or another compiler with CXX=NAME."


def _compiler() -> str:
    named = os.environ.get("CXX")
    for name in [named] if named else COMPILERS:
        found = shutil.which(name)
        if found:
            return found
    what = f"{named} is not there" if named else f"none of {', '.join(COMPILERS)} is there"
    todo = "Install one (Debian: apt install g++), or choose scan=chunked."
    raise ModelError("scan native", f"needs a C++ compiler and {what}", todo)


def _processor() -> str:
    """What -march=native means here: the flags that Linux lists, else the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "".join(sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))}))
