"""Slicing: a plot longer than the encoder reads becomes one or more slices of text.

Slices are substrings of the plot, cut at token borders that the encoder's own tokenizer reports,
so that the same slice always has the same text and is encoded only once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from plotgenre.errors import RecipeError

Spans = npt.NDArray[np.int64]

_SENTENCE_END = re.compile(r"[.!?…]['\"”’)\]]*\s+")
_JOINT = " … "
_SMALLEST_BUDGET = 4


class TokenSpans(Protocol):
    """What slicing needs of an encoder: where each token of a text begins and ends."""

    def token_spans(self, texts: Sequence[str]) -> list[Spans]:
        """For each text, the (start, end) character offsets of its tokens, shape (t, 2)."""
        ...


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Slicing:
    """How plots are cut.

    Parameters
    ----------
    way
        ``start`` keeps the first tokens, ``start_end`` half the budget from each end,
        ``windows`` reads the whole plot in overlapping windows.
    tokens
        Tokens a slice may have, without special tokens; ``None`` takes all that the encoder reads.
    overlap
        Tokens that two neighbouring windows share.
    max_slices
        The most windows a plot may have. A longer plot keeps its first and last window and evenly
        spaced ones between, since the end of a story says as much about its genre as the start.
    """

    way: Literal["start", "start_end", "windows"] = "windows"
    tokens: int | None = Field(default=None, ge=_SMALLEST_BUDGET)
    overlap: int = Field(default=16, ge=0)
    max_slices: int = Field(default=8, ge=1)

    def budget(self, encoder_limit: int) -> int:
        """Tokens of one slice, given how many of a text's tokens the encoder reads.

        Raises
        ------
        RecipeError
            If the overlap leaves no room to move on, or special tokens and prompt none to read.
        """
        budget = encoder_limit if self.tokens is None else min(self.tokens, encoder_limit)
        if budget < _SMALLEST_BUDGET:
            raise RecipeError(
                f"the encoder reads {encoder_limit} tokens of a text beside special tokens and "
                f"prompt, but must read at least {_SMALLEST_BUDGET}; shorten encoder.prompt or "
                "raise encoder.max_tokens"
            )
        if self.way == "windows" and self.overlap > budget // 2:
            raise RecipeError(
                f"slicing.overlap is {self.overlap}, but must be at most half of the {budget} "
                "tokens of a slice"
            )
        return budget


def slice_plots(
    plots: Sequence[str], slicing: Slicing, tokenizer: TokenSpans, encoder_limit: int
) -> list[list[str]]:
    """Cut each plot; every plot has at least one slice, the empty plot one empty slice.

    Parameters
    ----------
    plots
        ``n`` texts.
    slicing
        The way to cut.
    tokenizer
        Reports the token borders.
    encoder_limit
        Tokens of a text that the encoder reads, special tokens and prompt taken off.

    Returns
    -------
    list of ``n`` lists of slices, each at most ``slicing.budget(encoder_limit)`` tokens of its
    plot. On its own a slice may have a token or two more, where its first word lost the space
    before it or a word without any border had to be cut; the encoder then truncates it.

    Raises
    ------
    RecipeError
        If a slice has too few tokens to hold anything.
    """
    budget = slicing.budget(encoder_limit)
    joint = _joint_tokens(budget, tokenizer) if slicing.way == "start_end" else 0
    cut = {"start": _start, "start_end": _start_end, "windows": _windows}[slicing.way]
    plots = [_readable(plot) for plot in plots]
    return [
        [plot] if len(spans) <= budget else cut(plot, spans, budget - joint, slicing)
        for plot, spans in zip(plots, tokenizer.token_spans(plots), strict=True)
    ]


def _readable(plot: str) -> str:
    """The plot without outer space and lone surrogates, which no tokenizer accepts."""
    return plot.strip() if plot.isascii() else plot.encode("utf-8", "replace").decode().strip()


def _joint_tokens(budget: int, tokenizer: TokenSpans) -> int:
    joint = len(tokenizer.token_spans([_JOINT])[0])
    if budget - joint < 2:
        raise RecipeError(
            f"slicing.tokens is {budget}, but start_end needs at least {joint + 2}: "
            f"{joint} for the joint between the ends and one for each end"
        )
    return joint


def _start(plot: str, spans: Spans, budget: int, slicing: Slicing) -> list[str]:
    return [_text(plot, spans, 0, _word_border(plot, spans, budget, lowest=budget // 2 + 1))]


def _start_end(plot: str, spans: Spans, budget: int, slicing: Slicing) -> list[str]:
    half = budget // 2
    end = _word_border(plot, spans, half, lowest=half // 2 + 1)
    begin = _next_word_border(plot, spans, len(spans) - half, highest=len(spans) - half // 2 - 1)
    return [_text(plot, spans, 0, end) + _JOINT + _text(plot, spans, begin, len(spans))]


def _windows(plot: str, spans: Spans, budget: int, slicing: Slicing) -> list[str]:
    total = len(spans)
    sentence_starts = _sentence_starts(plot, spans)
    borders: list[tuple[int, int]] = []
    begin = 0
    while True:
        end = min(begin + budget, total)
        if end < total:
            end = _best_end(plot, spans, sentence_starts, begin, end)
        borders.append((begin, end))
        if end == total:
            break
        begin = max(_word_border(plot, spans, end - slicing.overlap, lowest=begin + 1), begin + 1)
    # Byte-level tokens may be nothing but space, and so may a whole window of them.
    texts = [text for border in borders if (text := _text(plot, spans, *border))]
    return [texts[i] for i in _spread(len(texts), slicing.max_slices)]


def _best_end(plot: str, spans: Spans, sentence_starts: Spans, begin: int, end: int) -> int:
    """The last sentence border in the window's second half, else the last word border."""
    middle = begin + (end - begin) // 2
    at = int(np.searchsorted(sentence_starts, end, side="right")) - 1
    if at >= 0 and sentence_starts[at] > middle:
        return int(sentence_starts[at])
    return _word_border(plot, spans, end, lowest=middle + 1)


def _sentence_starts(plot: str, spans: Spans) -> Spans:
    """Indices of the tokens that begin a sentence, ascending."""
    ends = np.array([match.end() for match in _SENTENCE_END.finditer(plot)], dtype=np.int64)
    # Byte-level tokens may own the space before their word, hence the token's end, not its start.
    return np.unique(np.searchsorted(spans[:, 1], ends, side="right"))


def _starts_character(spans: Spans, token: int) -> bool:
    """Whether no earlier token owns a part of this token's first character (bytes of emoji do)."""
    return token == 0 or bool(spans[token, 0] >= spans[token - 1, 1])


def _starts_word(plot: str, spans: Spans, token: int) -> bool:
    start = int(spans[token, 0])
    at_space = start == 0 or plot[start].isspace() or plot[start - 1].isspace()
    return at_space and _starts_character(spans, token)


def _word_border(plot: str, spans: Spans, token: int, lowest: int) -> int:
    """The last token from ``lowest`` to ``token`` that begins a word, else a character."""
    candidates = range(token, lowest - 1, -1)
    words = (at for at in candidates if _starts_word(plot, spans, at))
    characters = (at for at in candidates if _starts_character(spans, at))
    return next(words, next(characters, max(token, lowest)))


def _next_word_border(plot: str, spans: Spans, token: int, highest: int) -> int:
    """The first token from ``token`` to ``highest`` that begins a word, else a character."""
    candidates = range(token, highest + 1)
    words = (at for at in candidates if _starts_word(plot, spans, at))
    characters = (at for at in candidates if _starts_character(spans, at))
    return next(words, next(characters, token))


def _text(plot: str, spans: Spans, begin: int, end: int) -> str:
    return plot[int(spans[begin, 0]) : int(spans[end - 1, 1])].strip()


def _spread(count: int, most: int) -> list[int]:
    """``most`` of ``count`` indices, evenly spaced, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return np.linspace(0, count - 1, most).round().astype(int).tolist() if most > 1 else [0]
