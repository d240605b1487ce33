"""One contract for every engine: one completion per request, in order; the same request, the same answer."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import trclip

from rewrite.backends import BACKENDS
from rewrite.backends.fake import Fake
from rewrite.backends.llamacpp import LlamaCpp
from rewrite.backends.openai import OpenAI
from rewrite.backends.random_words import RandomWords
from rewrite.errors import ModelError
from rewrite.plan import plan
from rewrite.records import Caption, Request, Sampling
from rewrite.templates import FewShot, load_templates


def requests(texts: tuple[str, ...] = ("A dog runs.", "A man sits on a bench.", "A car stops.")) -> list[Request]:
    return plan(
        [Caption(text, text) for text in texts],
        load_templates(["plain"]),
        variants=2,
        sampling=Sampling(temperature=0.3, max_tokens=16),
        few_shot=FewShot(shots=2, sets=2),
        seed=0,
        engine={},
    )


@pytest.fixture(scope="module")
def server(gguf: Path) -> Iterator[str]:
    """llama.cpp's own OpenAI-compatible server, on a free port."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_ctx, params.n_parallel, params.verbosity, params.warmup = 2048, 2, -1, False
    running = xllamacpp.Server(params)
    yield f"{running.listening_address}/v1"
    del running


@pytest.fixture(params=sorted(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Any:
    match request.param:
        case "fake":
            return Fake(batch=2)
        case "random_words":
            return RandomWords(words=8)
        case "llamacpp":
            return LlamaCpp(model=str(request.getfixturevalue("gguf")), parallel=2)
        case "openai":
            return OpenAI(model="smollm2", url=request.getfixturevalue("server"), concurrency=2)
        case "vllm":
            if importlib.util.find_spec("vllm") is None:
                pytest.skip("vLLM is not installed here; it is run by hand, see benchmarks/results")
            pytest.skip("vLLM needs a Hugging Face model folder; run benchmarks/backends.py by hand")
    raise AssertionError(f"backend {request.param} has no contract test")


def test_every_request_gets_one_completion_in_order(backend: Any) -> None:
    asked = requests()
    with backend.session() as session:
        answers = list(session.generate(iter(asked)))
        alone = [next(iter(session.generate([request]))) for request in asked[:2]]
    assert len(answers) == len(asked)
    assert all(isinstance(answer.text, str) and answer.finish for answer in answers)
    if isinstance(backend, (Fake, RandomWords)):
        assert alone == answers[:2]
    else:  # float sums differ with the batch's shape, so an engine's words may; the contract is the order
        assert all(answer.new_tokens <= 16 for answer in answers + alone)


def test_no_requests_give_no_completions(backend: Any) -> None:
    with backend.session() as session:
        assert list(session.generate([])) == []


def test_identity_is_json_and_knows_no_operational_setting(backend: Any) -> None:
    described = json.loads(json.dumps(backend.identity()))
    hidden = {f.name for f in dataclasses.fields(backend) if f.metadata.get("operational")}
    assert hidden.isdisjoint(described)
    assert described["backend"]


class Flaky(BaseHTTPRequestHandler):
    """A server that fails as `plan` says, then answers."""

    plan: ClassVar[list[int]] = []
    asked = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        Flaky.asked += 1
        status = Flaky.plan.pop(0) if Flaky.plan else 200
        choice = {"index": 0, "text": "A dog is running.", "finish_reason": "stop", "logprobs": None}
        good = {"id": "1", "object": "text_completion", "created": 0, "model": "m", "choices": [choice]}
        body = json.dumps(good if status == 200 else {"error": {"message": "busy"}}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("retry-after-ms", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def flaky() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Flaky)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Flaky.plan, Flaky.asked = [], 0
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()


def answer(url: str, **settings: Any) -> str:
    with OpenAI(model="m", url=url, **settings).session() as session:
        return next(iter(session.generate(requests()[:1]))).text


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(flaky: str, status: int) -> None:
    Flaky.plan = [status, status]
    assert answer(flaky) == "A dog is running."
    assert Flaky.asked == 3


def test_a_server_that_stays_busy_ends_in_one_line(flaky: str) -> None:
    Flaky.plan = [503] * 9
    with pytest.raises(ModelError, match="answered 503"):
        answer(flaky, retries=2)


def test_a_refused_key_is_not_tried_again(flaky: str) -> None:
    Flaky.plan = [401]
    with pytest.raises(ModelError, match="refuses the key"):
        answer(flaky)
    assert Flaky.asked == 1


def test_no_server_is_one_line() -> None:
    with pytest.raises(ModelError, match="cannot be reached"):
        answer("http://127.0.0.1:9/v1", retries=0)


def test_the_key_is_read_from_the_environment_and_written_nowhere(
    flaky: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "captions.txt"
    source.write_text("A dog runs.\n")
    words = ["rewrite", source, "--out", tmp_path / "out", "--backend", "openai", "--model", "m", "--filters", "form"]
    said = trclip(*words, "--set", f"openai.url={flaky}", OPENAI_API_KEY="sk-very-secret")
    assert said.code == 0, said.err
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"sk-very-secret" not in written
    assert "sk-very-secret" not in said.out + said.err


def test_the_default_engine_names_its_install_line_where_it_is_missing(tmp_path: Path) -> None:
    if importlib.util.find_spec("vllm") is not None:
        pytest.skip("vLLM is installed here")
    source = tmp_path / "captions.txt"
    source.write_text("A dog runs.\n")
    said = trclip("rewrite", source, "--out", tmp_path / "out")
    assert said.code == 2
    assert "pip install" in said.err
    assert "--backend llamacpp" in said.err


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="is not a GGUF file"):
        LlamaCpp(model=str(path)).identity()


def test_a_damaged_gguf_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(ModelError, match=r"llama.cpp cannot load it"), LlamaCpp(model=str(path)).session():
        pass
