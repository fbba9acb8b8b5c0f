"""What the encoders' tests share: settings in one line, exported folders, both runtimes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from plotgenre.embedding.encoders import EncoderSettings, runtime_check
from plotgenre.embedding.encoders import graph as graph_module
from plotgenre.embedding.encoders.graph import runtimes_here


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)


@pytest.fixture
def settings() -> Callable[..., EncoderSettings]:
    def of(folder: Path, **rest: object) -> EncoderSettings:
        return EncoderSettings(**{"name": str(folder), "precision": "float32", **rest})

    return of


@pytest.fixture(params=["tiny_masked", "tiny_causal"])
def tiny(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def exported_masked(tiny_masked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _exported(tiny_masked, tmp_path_factory)


@pytest.fixture(scope="session")
def exported_causal(tiny_causal: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _exported(tiny_causal, tmp_path_factory)


@pytest.fixture(params=["masked", "causal"])
def pair(request: pytest.FixtureRequest) -> tuple[Path, Path]:
    """A tiny model and its export."""
    return tuple(request.getfixturevalue(f"{k}_{request.param}") for k in ("tiny", "exported"))


@pytest.fixture(params=["openvino", "onnxruntime"])
def runtime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip(request.param)
    chosen = lambda runtime, precision: runtimes_here(request.param, precision)  # noqa: E731
    for module in (graph_module, runtime_check):
        monkeypatch.setattr(module, "runtimes_here", chosen)
    return request.param


def _exported(source: Path, factory: pytest.TempPathFactory) -> Path:
    from plotgenre.embedding.encoders.export import export_encoder

    folder = factory.mktemp("exported") / "encoder"
    export_encoder(EncoderSettings(name=str(source)), folder)
    return folder
