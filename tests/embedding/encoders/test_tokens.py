import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from plotgenre.embedding.encoders.tokens import TokenReader, read_tokenizer
from plotgenre.errors import EncoderError


def test_spans_are_the_characters_of_each_token(wordpiece: Tokenizer) -> None:
    (spans,) = TokenReader(wordpiece, "", 64).spans(["The  harbour!"])
    assert ["The  harbour!"[a:b] for a, b in spans] == ["The", "harbour", "!"]


def test_a_text_without_tokens_has_spans_of_shape_0_2(byte_level: Tokenizer) -> None:
    assert TokenReader(byte_level, "", 64).spans([""])[0].shape == (0, 2)


def test_special_tokens_and_prompt_are_reserved(
    wordpiece: Tokenizer, byte_level: Tokenizer
) -> None:
    assert TokenReader(wordpiece, "", 64).reserved == 2
    assert TokenReader(wordpiece, "the house ", 64).reserved == 4
    assert TokenReader(byte_level, "", 64).reserved == 0


def test_ids_are_truncated_to_the_maximum_and_keep_special_tokens(wordpiece: Tokenizer) -> None:
    reader = TokenReader(wordpiece, "the ", 8)
    ids = reader.ids(["a", "house " * 50])
    assert [len(one) for one in ids] == reader.lengths(["a", "house " * 50]).tolist() == [4, 8]
    assert (ids[1][0], ids[1][-1]) == (2, 3)
    assert wordpiece.id_to_token(ids[1][1]) == "the"


def test_a_query_has_its_own_prompt_and_reserves_nothing(wordpiece: Tokenizer) -> None:
    reader = TokenReader(wordpiece, "the ", 8, "a ghost in the ")
    assert reader.reserved == 3
    own, both = reader.ids(["house"], query=True)[0], ["a ghost in the house"]
    assert own == TokenReader(wordpiece, "", 8).ids(both)[0]
    assert reader.lengths(["house"], query=True).tolist() == [len(own)]
    with pytest.raises(EncoderError, match="its query prompt and special tokens take 8"):
        TokenReader(wordpiece, "", 8, "the house " * 3)


def test_padding_and_truncation_baked_into_the_file_are_ignored(wordpiece: Tokenizer) -> None:
    baked = Tokenizer.from_str(wordpiece.to_str())
    baked.enable_padding(length=20)
    baked.enable_truncation(max_length=4)
    reader, plain = TokenReader(baked, "", 64), TokenReader(wordpiece, "", 64)
    texts = ["the old house " * 5, "a"]
    assert reader.ids(texts) == plain.ids(texts)
    assert [len(s) for s in reader.spans(texts)] == [15, 1]
    assert reader.vocabulary == plain.vocabulary
    assert baked.padding is not None


@pytest.mark.parametrize("prompt", ["the house " * 3, "the house " * 40])
def test_a_prompt_that_leaves_no_token_is_refused(wordpiece: Tokenizer, prompt: str) -> None:
    with pytest.raises(
        EncoderError, match="reads 8 tokens, but its prompt and special tokens take"
    ):
        TokenReader(wordpiece, prompt, 8)


def test_a_pattern_that_tries_too_many_ways_is_one_sentence(wordpiece: Tokenizer) -> None:
    told = json.loads(wordpiece.to_str())
    split = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"}
    told["pre_tokenizer"] = split | {"invert": False}
    reader = TokenReader(Tokenizer.from_str(json.dumps(told)), "", 64)
    for read in (reader.spans, reader.ids):
        with pytest.raises(EncoderError, match="tokenizer is damaged or gave up: Onig") as caught:
            read(["a" * 60 + "!"])
        assert len(str(caught.value).splitlines()) == 1


def test_replacements_that_grow_are_refused(wordpiece: Tokenizer, tmp_path: Path) -> None:
    told = json.loads(wordpiece.to_str())
    growing = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}
    told["normalizer"] = {"type": "Sequence", "normalizers": [growing] * 12}
    path = tmp_path / "tokenizer.json"
    for text in (json.dumps(told), json.dumps(told).replace('"Replace"', '"\\u0052eplace"')):
        path.write_text(text)
        with pytest.raises(EncoderError, match="makes 1000000000000 letters of one"):
            read_tokenizer(path)
    told["normalizer"]["normalizers"] = [growing] * 2
    path.write_text(json.dumps(told))
    assert read_tokenizer(path).encode("a").ids
