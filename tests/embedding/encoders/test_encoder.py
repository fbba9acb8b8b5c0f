import hashlib
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from plotgenre.embedding.encoders.encoder import (
    EncoderCard,
    EncoderSettings,
    batches_of_equal_length,
    file_digest,
    fingerprint,
    first_line,
    prompts_in,
)
from plotgenre.errors import EncoderError


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "bag"}, {"pooling": "sum"}, {"max_tokens": 7}, {"precision": "int4"}, {"a": 1}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EncoderSettings(**wrong)


def test_batches_hold_every_row_once_and_one_length_each() -> None:
    lengths = np.random.default_rng(0).integers(1, 9, 200)
    batches = list(batches_of_equal_length(lengths, batch_tokens=24))
    assert sorted(np.concatenate(batches).tolist()) == list(range(200))
    for rows in batches:
        assert len(set(lengths[rows])) == 1
        assert len(rows) * lengths[rows[0]] <= 24


def test_a_row_longer_than_a_batch_is_a_batch_alone() -> None:
    assert [b.tolist() for b in batches_of_equal_length([50, 50], batch_tokens=8)] == [[0], [1]]


@pytest.mark.parametrize(("lengths", "rows"), [([], []), ([0, 0], []), ([0, 3, 0, 3], [1, 3])])
def test_rows_without_tokens_are_in_no_batch(lengths: list[int], rows: list[int]) -> None:
    assert [row for batch in batches_of_equal_length(lengths) for row in batch] == rows


def test_a_fingerprint_changes_with_parts_and_facts_but_not_with_their_keys_order() -> None:
    base = fingerprint([b"ab", b"c"], {"x": 1, "y": 2})
    assert base == fingerprint([b"ab", b"c"], {"y": 2, "x": 1})
    assert len({base, fingerprint([b"abd"], {"x": 1, "y": 2}), fingerprint([b"abc"], {})}) == 3


def test_the_digest_of_a_file_and_of_none(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"content")
    assert file_digest(tmp_path / "there") == hashlib.sha256(b"content").hexdigest()
    with pytest.raises(EncoderError, match="lacks the file absent"):
        file_digest(tmp_path / "absent")


def test_the_text_gets_what_special_tokens_and_prompt_leave() -> None:
    card = EncoderCard("a", None, 4, 64, 5, "mean", "p", "float32", "f" * 64)
    assert card.text_tokens == 59
    assert EncoderCard(**card.as_dict()) == card


@pytest.mark.parametrize(
    ("prompts", "default", "document", "query"),
    [
        ({}, None, "", ""),
        (None, None, "", ""),
        ({"query": "q: ", "passage": "p: "}, None, "p: ", "q: "),
        ({"query": "q: ", "document": "d: ", "passage": "p: "}, "passage", "d: ", "q: "),
        ({"query": "", "document": "", "passage": "p: "}, None, "p: ", ""),
        ({"corpus": "c: ", "query": None}, None, "c: ", ""),
        ({"film": "f: "}, "film", "f: ", ""),
        ({"film": "f: "}, None, "", ""),
        ({"query": "q: "}, "query", "", "q: "),
        ({"query": "q: "}, "absent", "", "q: "),
    ],
)
def test_prompts_left_open_are_the_encoders_own(
    prompts: dict[str, str] | None, default: str | None, document: str, query: str
) -> None:
    config = {"prompts": prompts, "default_prompt_name": default}
    assert EncoderSettings().prompts(config) == (document, query)
    assert EncoderSettings(prompt="", query_prompt="").prompts(config) == ("", "")
    assert EncoderSettings(prompt="x").prompts(config) == ("x", query)
    assert EncoderSettings(query_prompt="x").prompts(config) == (document, "x")


def test_prompts_of_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "config_sentence_transformers.json"
    assert EncoderSettings().prompts(prompts_in(tmp_path)) == ("", "")
    path.write_text('{"prompts": {"query": "q: "}, "default_prompt_name": null, "x": 1}')
    assert EncoderSettings().prompts(prompts_in(tmp_path)) == ("", "q: ")


@pytest.mark.parametrize("text", ["{", "[]", '{"prompts": ["q: "]}', '{"prompts": {"query": 1}}'])
def test_a_damaged_file_of_prompts_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "config_sentence_transformers.json").write_text(text)
    with pytest.raises(EncoderError, match=r"config_sentence_transformers\.json (is|has) no"):
        prompts_in(tmp_path)


@pytest.mark.parametrize(("said", "line"), [("", "ValueError"), ("\n one\ntwo", "one")])
def test_the_first_line_of_any_error(said: str, line: str) -> None:
    assert first_line(ValueError(said)) == line
