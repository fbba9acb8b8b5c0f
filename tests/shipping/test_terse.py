"""Function words and signs are skipped; where the others stand in the text is still known."""

import pytest

from plotgenre.embedding.encoders import EncoderSettings, load_encoder
from plotgenre.embedding.encoders.minilm import bundled_folder


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    from terse import terse

    folder = tmp_path_factory.mktemp("terse") / "encoder"
    terse(bundled_folder(), folder)
    return load_encoder(EncoderSettings(name=str(folder), precision="float32"))


def words(encoder, text):
    (ids,) = encoder.token_ids([text])
    return encoder.model.tokenizer.convert_ids_to_tokens(ids)[1:-1]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "The detective's partner, who was killed in Rome, calls him.",
            "detective partner killed rome calls",
        ),
        ("It isn't a well-known sci-fi (not yet)!", "isn t well known sci fi not yet"),
        ("Theatre and anthem hold these words.", "theatre anthem hold words"),
        ("“No,” SHE says — ‘never’.", "no says never"),
        ("Is it? It is!", ""),
    ],
)
def test_what_is_left_of_a_text(encoder, text, kept):
    assert words(encoder, text) == kept.split()


def test_offsets_are_those_of_the_whole_text(encoder):
    text = "The killer, and then: the Detective."
    (spans,) = encoder.token_spans([text])
    assert [text[start:end] for start, end in spans] == ["killer", "Detective"]


def test_vectors_are_those_of_the_words_left(encoder):
    whole, left, empty = encoder.encode(["The killer is in Rome.", "killer rome", "Is it?"])
    assert whole == pytest.approx(left, abs=1e-6)
    assert empty == pytest.approx(encoder.encode([""])[0], abs=1e-6)
    assert abs(empty - left).max() > 0.01
