"""TokenReader: an encoder's tokenizer, asked only for lengths, ids and character offsets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from plotgenre.embedding.encoders.encoder import first_line
from plotgenre.errors import EncoderError
from plotgenre.json_files import read_json

# Unicode's own normal forms make 18 letters of one at most.
_MOST_GROWTH = 1000


class TokenReader:
    """A copy of a tokenizer without padding or truncation, whatever its file bakes in.

    Parameters
    ----------
    tokenizer
        A ``tokenizers.Tokenizer``; copied, since the owner may change its padding at any call.
    prompt
        Text that the encoder puts before every slice.
    max_tokens
        Tokens that the encoder reads, prompt and special tokens included.
    query_prompt
        Text that the encoder puts before every query.

    Raises
    ------
    EncoderError
        If a prompt and special tokens leave no token for the text.
    """

    def __init__(
        self, tokenizer: Tokenizer, prompt: str, max_tokens: int, query_prompt: str = ""
    ) -> None:
        with _told():
            self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._max_tokens = max_tokens
        self.prompt, self.query_prompt = prompt, query_prompt
        self.reserved = self._reserved("prompt", prompt)
        self._reserved("query prompt", query_prompt)

    @property
    def vocabulary(self) -> str:
        """The tokenizer as JSON."""
        return str(self._tokenizer.to_str())

    def _reserved(self, which: str, prompt: str) -> int:
        reserved: int = self._tokenizer.num_special_tokens_to_add(False)
        if prompt:
            with _told():
                reserved += len(self._tokenizer.encode(prompt, add_special_tokens=False).ids)
        if reserved >= self._max_tokens:
            raise EncoderError(
                f"the encoder reads {self._max_tokens} tokens, but its {which} and special tokens "
                f"take {reserved}; expected room for the text"
            )
        return reserved

    @cached_property
    def _truncating(self) -> Tokenizer:
        # Made at need: slices are cut to the maximum, and parsing takes as long as 100 of them.
        tokenizer = Tokenizer.from_str(self.vocabulary)
        tokenizer.enable_truncation(max_length=self._max_tokens)
        return tokenizer

    def spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """For each text the (start, end) character offsets of its tokens, shape (t, 2)."""
        with _told():
            found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [np.array(one.offsets, dtype=np.int64).reshape(-1, 2) for one in found]

    def ids(self, texts: Sequence[str], *, query: bool = False) -> list[list[int]]:
        """Token ids of each text with its prompt and special tokens, truncated to the maximum."""
        prompt = self.query_prompt if query else self.prompt
        prompted = [prompt + text for text in texts]
        # Without character offsets, which no one reads here.
        with _told():
            ids = [one.ids for one in self._tokenizer.encode_batch_fast(prompted)]
        longer = [row for row, one in enumerate(ids) if len(one) > self._max_tokens]
        if longer:
            shortened = self._truncating.encode_batch_fast([prompted[row] for row in longer])
            for row, one in zip(longer, shortened, strict=True):
                ids[row] = one.ids
        return ids

    def lengths(self, texts: Sequence[str], *, query: bool = False) -> npt.NDArray[np.int64]:
        """Tokens of each text as :meth:`ids` gives them, shape (n,)."""
        return np.array([len(ids) for ids in self.ids(texts, query=query)], dtype=np.int64)


def read_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer in a file.

    Raises
    ------
    EncoderError
        If it is none, or its replacements make too many letters of one.
    """
    try:
        content = path.read_bytes()
        # Most have no replacements, and parsing takes as long as reading many plots. The second is
        # how JSON may hide the first.
        if b"Replace" in content or b"\\u00" in content:
            growth = _growth(read_json(path).get("normalizer"))
            if growth > _MOST_GROWTH:
                raise EncoderError(
                    f"{path} makes {growth} letters of one; expected at most {_MOST_GROWTH}"
                )
        return Tokenizer.from_file(str(path))
    except EncoderError:
        raise
    except Exception as broken:
        # The tokenizers library raises bare Exceptions.
        raise EncoderError(f"{path} is not a tokenizer: {first_line(broken)}") from broken


def _growth(normalizer: object) -> int:
    """How many letters the replacements in a normalizer, one after another, make of one."""
    if isinstance(normalizer, list):
        return prod(map(_growth, normalizer))
    if not isinstance(normalizer, dict):
        return 1
    content = normalizer.get("content") if normalizer.get("type") == "Replace" else None
    return max(len(str(content or "")), 1) * _growth(list(normalizer.values()))


@contextmanager
def _told() -> Iterator[None]:
    """Make one sentence of a bare Exception, or of a panic, as of a pattern without end."""
    try:
        yield
    except BaseException as error:
        # A panic of Rust's is none of Python's exceptions.
        if type(error) is not Exception and type(error).__name__ != "PanicException":
            raise
        said = first_line(error)
        raise EncoderError(f"the encoder's tokenizer is damaged or gave up: {said}") from None
