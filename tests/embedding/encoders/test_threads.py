"""Libraries whose models serve one caller at a time are called by one thread at a time."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

import numpy as np
import pytest

from plotgenre.embedding.encoders import EncoderSettings, load_encoder

TEXTS = [[f"a ghost {i}", "an old house and a soldier"] for i in range(4)]


@pytest.mark.parametrize(
    ("kind", "folder", "model"),
    [("sentence_transformers", "tiny_masked", "model"), ("static", "tiny_static", "_model")],
)
def test_threads_take_turns(kind, folder, model, request, monkeypatch):
    name = str(request.getfixturevalue(folder))
    encoder = load_encoder(EncoderSettings(kind=kind, name=name))
    alone = [encoder.encode(texts) for texts in TEXTS]
    library = getattr(encoder, model)
    encode, inside, seen = library.encode, [], []

    def watched(*arguments, **rest):
        inside.append(1)
        seen.append(len(inside))
        # Long enough for the other threads to come, were they let in.
        sleep(0.01)
        vectors = encode(*arguments, **rest)
        inside.pop()
        return vectors

    monkeypatch.setattr(library, "encode", watched)
    with ThreadPoolExecutor(len(TEXTS)) as pool:
        together = list(pool.map(encoder.encode, TEXTS))
    assert seen
    assert max(seen) == 1
    np.testing.assert_array_equal(together, alone)
