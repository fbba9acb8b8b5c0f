"""TokenReader: an encoder's tokenizer, asked only for lengths, ids and character offsets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from plotgenre.errors import EncoderError


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

    Raises
    ------
    EncoderError
        If prompt and special tokens leave no token for the text.
    """

    def __init__(self, tokenizer: Tokenizer, prompt: str, max_tokens: int) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.vocabulary = self._tokenizer.to_str()
        self._truncating = Tokenizer.from_str(self.vocabulary)
        self._truncating.enable_truncation(max_length=max_tokens)
        self.prompt = prompt
        self.reserved = self._tokenizer.num_special_tokens_to_add(False) + len(
            self._tokenizer.encode(prompt, add_special_tokens=False).ids if prompt else ()
        )
        if self.reserved >= max_tokens:
            raise EncoderError(
                f"the encoder reads {max_tokens} tokens, but its prompt and special tokens take "
                f"{self.reserved}; expected room for the text"
            )

    def spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """For each text the (start, end) character offsets of its tokens, shape (t, 2)."""
        found = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [np.array(one.offsets, dtype=np.int64).reshape(-1, 2) for one in found]

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text with prompt and special tokens, truncated to the maximum."""
        found = self._truncating.encode_batch([self.prompt + text for text in texts])
        return [one.ids for one in found]

    def lengths(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Tokens of each text as :meth:`ids` gives them, shape (n,)."""
        return np.array([len(ids) for ids in self.ids(texts)], dtype=np.int64)
