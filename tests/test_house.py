"""The rules of the house, read off the source files."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

import pytest
from conftest import ROOT

GROUND = {"errors", "settings", "manifest", "records", "captions", "corpus", "lock", "reporter", "weights"}
HEAVY = {"torch", "vllm", "transformers", "sentence_transformers", "mamba_ssm", "numpy", "sklearn", "scipy", "av"}
HEAVY |= {"triton", "matplotlib", "xllamacpp", "openai", "rapidfuzz", "accelerate", "PIL", "huggingface_hub"}
MATH = [
    "assembly.py",
    "objective.py",
    "lengths.py",
    "prior.py",
    "prompts.py",
    "mtn.py",
    "branches.py",
    "model.py",
    "losses.py",
    "metrics.py",
    "detection.py",
    "grid.py",
]
MATH += [
    "published_names.py",
    "scan.py",
    "scan_chunked.py",
    "scan_native.py",
    "scan_triton.py",
    "scan_triton_kernels.py",
    "mamba.py",
    "quad.py",
    "local.py",
    "graph.py",
]
MATH += [f"temporal/{name}.py" for name in ("identity", "lgt", "lgm_mamba", "variants")]
DOORS = {"halves", "text_bank", "encoders", "checkpoint", "train", "evaluate", "score", "datasets", "validation"}
DOORS |= {"clip_towers", "embed", "released", "released_features", "released_text"}
DOORS |= {"clip", "features", "extract", "video", "pictures", "paired", "sampling", "fit", "parallel", "class_names"}
DOORS |= {"reopen", "card", "event_log", "score_input", "published", "import_checkpoint"}
NOUNS = {"__init__", "batch", "config", "recipes", "scan_build"}  # what both sides say; and the compiler behind a scan
TRAINING = ["train", "fit", "sampling", "objective", "validation", "class_names", "parallel", "card", "event_log"]
SOURCES = sorted([ROOT / "cli.py", *(ROOT / "rewrite").rglob("*.py"), *(ROOT / "trclip_vad").rglob("*.py")])


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path, *, top: bool = False) -> Iterator[str]:
    """Dotted names a file imports; with `top`, only those that run when it is imported."""
    nodes = tree(path).body if top else list(ast.walk(tree(path)))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sorted((ROOT / "rewrite").rglob("*.py")), ids=named)
def test_rewrite_never_imports_the_detector(path: Path) -> None:
    assert not [name for name in imports(path) if name.split(".")[0] == "trclip_vad"]


@pytest.mark.parametrize("path", sorted((ROOT / "trclip_vad").rglob("*.py")), ids=named)
def test_the_detector_imports_only_the_ground_floor(path: Path) -> None:
    used = {name.split(".")[1] for name in imports(path) if name.startswith("rewrite.")}
    assert used <= GROUND


def test_rewrite_works_without_the_detector(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['trclip_vad'] = None\n"
        "from rewrite.pipeline import rewrite; from rewrite.recipe import configure\n"
        "from pathlib import Path\n"
        f"p = Path({str(tmp_path)!r})\n"
        "(p / 'c.txt').write_text('A dog runs.')\n"
        "rewrite(p / 'c.txt', p / 'out', configure(backend='fake', filters=['form']))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("name", MATH)
def test_math_opens_no_file_and_imports_no_door(name: str) -> None:
    path = ROOT / "trclip_vad" / name
    assert not {n.split(".")[1] for n in imports(path) if n.startswith("trclip_vad.")} & DOORS
    called = [n.func for n in ast.walk(tree(path)) if isinstance(n, ast.Call)]
    assert not {f.id for f in called if isinstance(f, ast.Name)} & {"open", "print", "input"}
    files = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "save", "load", "now", "perf_counter"}
    methods = [f for f in called if isinstance(f, ast.Attribute)]
    methods = [f for f in methods if not (isinstance(f.value, ast.Name) and f.value.id == "tl")]  # tl.load: of a tensor
    assert not {f.attr for f in methods} & files


def test_every_file_of_the_detector_is_math_or_a_door() -> None:
    stems = {path.stem for path in (ROOT / "trclip_vad").glob("*.py")}
    math = {Path(name).stem for name in MATH if "/" not in name}
    assert stems == math | (DOORS - {"datasets"}) | NOUNS
    assert not math & DOORS


@pytest.mark.parametrize("path", [p for p in SOURCES if "trclip_vad" not in p.parts], ids=named)
def test_no_heavy_package_at_the_top_of_a_file(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path, top=True)} & HEAVY


def test_help_loads_no_heavy_module() -> None:
    code = (
        "import sys; sys.argv = ['cli.py', '--help']\nimport cli\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        f"heavy = sorted(set(m.split('.')[0] for m in sys.modules) & {HEAVY!r})\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name != "cli.py"], ids=named)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [n for n in ast.walk(tree(path)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    assert "print" not in {call.func.id for call in calls if isinstance(call.func, ast.Name)}


def test_a_command_holds_no_logic() -> None:
    for node in tree(ROOT / "cli.py").body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            branches = [n for n in ast.walk(node) if isinstance(n, (ast.For, ast.While, ast.If, ast.Try))]
            assert not branches, f"{node.name} decides something by itself"


@pytest.mark.parametrize("name", TRAINING)
def test_training_cannot_reach_the_test_split(name: str) -> None:
    path = ROOT / "trclip_vad" / f"{name}.py"
    assert not [n for n in imports(path) if n.startswith(("trclip_vad.evaluate", "trclip_vad.datasets"))]
    words = {n.value for n in ast.walk(tree(path)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    assert "test" not in words
    assert "truth" not in {n.attr for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)}


def test_every_setting_says_why() -> None:
    from rewrite.backends import BACKENDS
    from rewrite.filters import FILTERS
    from trclip_vad import config, score
    from trclip_vad.clip import IMAGE_ENCODERS
    from trclip_vad.encoders import ENCODERS
    from trclip_vad.temporal import TEMPORAL

    plugs = [*BACKENDS.values(), *FILTERS.values(), *TEMPORAL.values(), *ENCODERS.values(), *IMAGE_ENCODERS.values()]
    plugs += [score.ScoreSettings]
    plugs += [plug for plug in vars(config).values() if is_dataclass(plug) and plug.__module__ == config.__name__]
    silent = [f"{p.__name__}.{f.name}" for p in plugs for f in _fields(p) if not f.metadata.get("why")]
    assert not silent


def _fields(plug: type) -> tuple:
    import dataclasses

    return dataclasses.fields(plug)


def test_no_file_is_named_after_nothing() -> None:
    vague = {"utils", "util", "common", "helpers", "helper", "manager", "base", "misc"}
    assert not [path for path in SOURCES if path.stem in vague]


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_file_is_one_thought(path: Path) -> None:
    # The grammar is text and the render a row of shapes; the command line is one short function after the other.
    longest = {"street_grammar.py": 375, "street_render.py": 265, "cli.py": 450}
    assert len(path.read_text().splitlines()) <= longest.get(path.name, 250)


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_loading_runs_no_foreign_code(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
        if (owner, node.func.attr) == ("torch", "load"):
            assert given.get("weights_only") is True
        if (owner, node.func.attr) == ("np", "load"):
            assert given.get("allow_pickle") is False
        assert (owner, node.func.attr) not in {("pickle", "load"), ("pickle", "loads"), ("yaml", "load")}
