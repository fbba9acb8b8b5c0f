import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.slicing import Slicing
from plotgenre.embedding.store import Store
from plotgenre.errors import EncoderError

DIMENSION = 8

# Processes of their own, with the same card as the tests' encoder.
CHILD = """
import sys, time
from pathlib import Path
import numpy as np
from plotgenre.embedding import embedder
from plotgenre.embedding.encoders import EncoderCard
from plotgenre.embedding.slicing import Slicing
from plotgenre.embedding.store import Store
card = EncoderCard("counting", None, 8, 10, 2, "mean", "", "float32", "f" * 64)
store = Store(Path(sys.argv[1]), card)
"""
WRITER = """
for chunk in range(25):
    texts = [f"{sys.argv[2]} {chunk} {row}" for row in range(20)] + ["shared"]
    store.write(texts, np.full((21, 8), chunk, np.float32))
    assert (store.read(texts[:1]) == chunk).all()
"""
SLOW_EMBEDDER = """
class Slow:
    card = card
    def token_spans(self, texts):
        return [np.array([[0, len(text)]]) for text in texts]
    def encode(self, texts):
        time.sleep(0.03)
        return np.array([[int(text.split()[1])] * 8 for text in texts], np.float32)
embedder._CHUNK_SLICES = 20
plots = [f"plot {number:04d}" for number in range(2000)]
tell = lambda progress: print(progress.done, flush=True)
embedder.Embedder(Slicing(overlap=0), Slow(), store).embed(plots, tell)
"""


@pytest.fixture
def card(counting: Callable[..., Any]) -> Any:
    return counting().card


def vectors_of(count: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def texts_of(count: int, word: str = "text") -> list[str]:
    return [f"{word} {i} 🦊" for i in range(count)]


def test_vectors_come_back_at_half_precision_in_the_asked_order(tmp_path: Path, card: Any) -> None:
    store, vectors = Store(tmp_path, card), vectors_of(50)
    store.write(texts_of(30), vectors[:30])
    store.write(texts_of(50)[30:], vectors[30:])
    order = np.random.default_rng(1).permutation(50)
    found = store.read([texts_of(50)[i] for i in order])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, vectors[order].astype(np.float16).astype(np.float32))
    assert np.abs(found - vectors[order]).max() < 5e-4
    assert len(store) == 50


def test_a_text_asked_twice_is_read_twice(tmp_path: Path, card: Any) -> None:
    store = Store(tmp_path, card)
    store.write(["a", "b"], vectors_of(2))
    found = store.read(["b", "a", "b"])
    np.testing.assert_array_equal(found[0], found[2])
    assert (found[0] != found[1]).any()


def test_a_text_written_twice_is_found(tmp_path: Path, card: Any) -> None:
    store = Store(tmp_path, card)
    store.write(["a", "a"], np.repeat(vectors_of(1), 2, axis=0))
    store.write(["a"], vectors_of(1))
    np.testing.assert_allclose(store.read(["a"]), vectors_of(1), atol=5e-4)


def test_another_store_sees_what_was_written(tmp_path: Path, card: Any) -> None:
    first, second = Store(tmp_path, card), Store(tmp_path, card)
    first.write(texts_of(5), vectors_of(5))
    assert Store(tmp_path, card).known(texts_of(7)).tolist() == [True] * 5 + [False] * 2
    assert not second.known(texts_of(5)).any()
    second.refresh()
    np.testing.assert_array_equal(second.read(texts_of(5)), first.read(texts_of(5)))


def test_another_fingerprint_or_precision_finds_nothing(
    tmp_path: Path, counting: Callable[..., Any]
) -> None:
    from dataclasses import replace

    card = counting().card
    Store(tmp_path, card).write(["a"], vectors_of(1))
    for other in (replace(card, fingerprint="e" * 64), replace(card, precision="bfloat16")):
        assert not Store(tmp_path, other).known(["a"]).any()


def test_a_text_without_vector_is_named(tmp_path: Path, card: Any) -> None:
    store = Store(tmp_path, card)
    store.write(["a"], vectors_of(1))
    with pytest.raises(EncoderError, match="has no vector for the text 'unheard of'"):
        store.read(["a", "unheard of"])


def test_an_empty_question_has_an_empty_answer(tmp_path: Path, card: Any) -> None:
    store = Store(tmp_path, card)
    assert store.read([]).shape == (0, DIMENSION)
    assert store.known([]).shape == (0,)


def test_empty_and_unencodable_texts_are_texts(tmp_path: Path, card: Any) -> None:
    store = Store(tmp_path, card)
    store.write(["", "\ud800"], vectors_of(2))
    np.testing.assert_allclose(store.read(["", "\ud800"]), vectors_of(2), atol=5e-4)


@pytest.mark.parametrize("ending", [".vectors.npy", ".keys.npy"])
@pytest.mark.parametrize("kept", [0, 40, 0.5, -1])
def test_a_truncated_segment_is_as_if_never_written(
    tmp_path: Path, counting: Callable[..., Any], ending: str, kept: float
) -> None:
    plots = texts_of(20)
    whole = counting()
    store = Store(tmp_path, whole.card)
    before = Embedder(Slicing(overlap=0), whole, store).embed(plots)
    (path,) = store.folder.glob(f"*{ending}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if kept == 0.5 else int(kept)])
    again = counting()
    after = Embedder(Slicing(overlap=0), again, Store(tmp_path, again.card)).embed(plots)
    assert sorted(again.asked) == sorted(plots)
    np.testing.assert_array_equal(after.vectors, before.vectors)


def test_a_segment_of_another_shape_is_ignored(tmp_path: Path, card: Any) -> None:
    store = Store(tmp_path, card)
    store.write(["a"], vectors_of(1))
    (path,) = store.folder.glob("*.vectors.npy")
    np.save(path, np.zeros((1, DIMENSION + 1), np.float16))
    assert not Store(tmp_path, card).known(["a"]).any()


def test_a_segment_deleted_under_an_open_store_is_named(tmp_path: Path, card: Any) -> None:
    store = Store(tmp_path, card)
    store.write(["a"], vectors_of(1))
    (path,) = store.folder.glob("*.vectors.npy")
    path.unlink()
    with pytest.raises(EncoderError, match=f"cannot read {path}"):
        store.read(["a"])


def test_what_a_killed_writer_left_is_removed(tmp_path: Path, card: Any) -> None:
    folder = Store(tmp_path, card).folder
    room = folder / ".a.keys.npy.unfinished"
    room.mkdir()
    (room / "new").write_bytes(b"half of a segment")
    assert len(Store(tmp_path, card)) == 0
    assert not list(folder.iterdir())


def test_vectors_without_keys_do_not_exist(tmp_path: Path, card: Any) -> None:
    store = Store(tmp_path, card)
    store.write(["a"], vectors_of(1))
    next(store.folder.glob("*.keys.npy")).unlink()
    assert not Store(tmp_path, card).known(["a"]).any()


def test_many_segments_need_few_open_files(tmp_path: Path, card: Any) -> None:
    store = Store(tmp_path, card)
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for i in range(60):
        store.write([f"{i}"], vectors_of(1, seed=i))
    store.read([f"{i}" for i in range(60)])
    if before:
        assert len(list(Path("/proc/self/fd").iterdir())) < before + 10


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, card: Any) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(EncoderError, match=f"cannot make the store folder {file}"):
        Store(file, card)


def _child(code: str, root: Path, who: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD + code, str(root), who]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_write_while_a_third_reads(tmp_path: Path, card: Any) -> None:
    reader = Store(tmp_path, card)
    children = [_child(WRITER, tmp_path, who) for who in ("left", "right")]
    sizes = []
    while any(child.poll() is None for child in children):
        reader.refresh()
        sizes.append(len(reader))
        known = [t for t in (f"left {c} 0" for c in range(25)) if reader.known([t])[0]]
        if known:
            assert (reader.read(known)[:, 0] == [int(t.split()[1]) for t in known]).all()
        time.sleep(0.01)
    assert [child.wait() for child in children] == [0, 0]
    reader.refresh()
    assert sizes == sorted(sizes)
    every = [f"{w} {c} {r}" for w in ("left", "right") for c in range(25) for r in range(20)]
    assert reader.known(every).all()


def test_after_a_kill_only_the_rest_is_encoded(
    tmp_path: Path, counting: Callable[..., Any]
) -> None:
    child = _child(SLOW_EMBEDDER, tmp_path)
    assert child.stdout is not None
    for _ in range(3):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    done = 20 * (3 + len(child.stdout.read().split()))
    assert child.wait() == -signal.SIGKILL
    encoder = counting()
    plots = [f"plot {number:04d}" for number in range(2000)]
    bags = Embedder(Slicing(overlap=0), encoder, Store(tmp_path, encoder.card)).embed(plots)
    # The kill may fall between a segment's last byte and the line that reports it.
    found = len(plots) - len(encoder.asked)
    assert found in (done, done + 20)
    assert found < 2000
    assert encoder.asked == plots[found:]
    assert (bags.vectors[:found] == np.arange(found)[:, None]).all()


def test_an_interrupt_in_the_middle_loses_only_the_chunk_under_way(
    tmp_path: Path, counting: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plotgenre.embedding.embedder._CHUNK_SLICES", 10)
    plots = texts_of(35)

    class Interrupted(type(counting())):
        def encode(self, texts: Any) -> np.ndarray:
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().encode(texts)

    first, second = Interrupted(), counting()
    with pytest.raises(KeyboardInterrupt):
        Embedder(Slicing(overlap=0), first, Store(tmp_path, first.card)).embed(plots)
    Embedder(Slicing(overlap=0), second, Store(tmp_path, second.card)).embed(plots)
    assert (len(first.asked), len(second.asked)) == (20, 15)
    assert set(first.asked) | set(second.asked) == set(plots)
