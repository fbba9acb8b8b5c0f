"""The sentences of a plot, as places in its text."""

from __future__ import annotations

import re
from itertools import pairwise

Span = tuple[int, int]

MOST_SPANS = 40
"""The most spans of a plot: each is one more reading of the plot without it."""

# A shorter sentence ("She knows.") says little on its own.
_LEAST_CHARACTERS = 20
_GROWTH = 1.1
# From the first of several marks, else each of them would be read to the last.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？]+[」』”’）]*|\n")
_SPACE = re.compile(r"\s*")
_ABBREVIATION = re.compile(
    r"\b(?:[^\W\d_I]|Mr|Mrs|Ms|Dr|Prof|Rev|St|Jr|Sr|Lt|Col|Capt|Sgt|Gen|Gov|Sen|vs)\.$"
)


def sentences(plot: str) -> list[Span]:
    """Begin and end of each sentence in the text; together they are all of it.

    A sentence ends with a line, with ``.``, ``!``, ``?`` or ``…`` before white space, unless a
    small letter follows or the dot is that of an initial (but "I") or of a common title, or with
    a full-width stop (``。！？``), after which no space is written.
    """
    ends = [
        match.end()
        for match in _SENTENCE_END.finditer(plot)
        if match.group()[0] in "\n。！？"
        or not (
            _small_letter_follows(plot, match.end())
            or _ABBREVIATION.search(plot, max(0, match.end() - 6), match.end())
        )
    ]
    return list(pairwise([0, *(end for end in ends if end < len(plot)), len(plot)]))


def spans(plot: str, most: int = MOST_SPANS) -> list[Span]:
    """Sentences to weigh, in order, without the white space around them.

    A short sentence goes with the one after it, the last with the one before. What counts as short
    grows until there are at most ``most`` spans, which a plot of 3,500 words has of some 90 words.
    A plot without an end of a sentence is one span, the empty plot none.
    """
    found = [span for one in sentences(plot) if (span := _trimmed(plot, one))[0] < span[1]]
    least = float(_LEAST_CHARACTERS)
    # A span outgrows the least by less than two steps, so that these give too many for certain.
    step = max((after - before for (before, _), (after, _) in pairwise(found)), default=0)
    while found and least + 2 * step < (found[-1][0] - found[0][0]) / (most + 1):
        least *= _GROWTH
    joined = _joined(found, least)
    while len(joined) > most:
        least *= _GROWTH
        joined = _joined(found, least)
    return joined


def without(plot: str, span: Span) -> str:
    """The plot without a span and the white space after it."""
    rest = plot[span[1] :]
    return plot[: span[0]] + rest.lstrip()


def _small_letter_follows(plot: str, end: int) -> bool:
    space = _SPACE.match(plot, end)
    return space is not None and plot[space.end() : space.end() + 1].islower()


def _trimmed(plot: str, span: Span) -> Span:
    text = plot[span[0] : span[1]]
    begin = span[0] + len(text) - len(text.lstrip())
    return begin, begin + len(text.strip())


def _joined(found: list[Span], least: float) -> list[Span]:
    joined: list[Span] = []
    for begin, end in found:
        if joined and joined[-1][1] - joined[-1][0] < least:
            begin = joined.pop()[0]
        joined.append((begin, end))
    if len(joined) > 1 and joined[-1][1] - joined[-1][0] < least:
        _, end = joined.pop()
        joined[-1] = joined[-1][0], end
    return joined
