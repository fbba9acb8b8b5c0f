"""Disturbances: what happens to a plot on its way to a model, each a pure function of the text."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable
from functools import cache, partial

from plotgenre.explaining.sentences import sentences

SEED = 0

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’][sS]$")
_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"'}
    | {"«": '"', "»": '"', "‐": "-", "‑": "-", "–": "-", "—": "-", "…": "...", "\xa0": " "}
)  # fmt: skip
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def whole(plot: str) -> str:
    """The plot as it is."""
    return plot


def first_words(plot: str, count: int) -> str:
    """Up to the end of the ``count``-th word between white space."""
    words = [match.end() for match in re.finditer(r"\S+", plot)]
    return plot if len(words) <= count else plot[: words[count - 1]]


def last_words(plot: str, count: int) -> str:
    """From the start of the ``count``-th word from the end."""
    words = [match.start() for match in re.finditer(r"\S+", plot)]
    return plot if len(words) <= count else plot[words[-count] :]


def first_sentence(plot: str) -> str:
    """The first sentence that has a word in it."""
    found = (plot[begin:end].strip() for begin, end in sentences(plot))
    return next((sentence for sentence in found if _WORD.search(sentence)), plot)


def names_removed(plot: str) -> str:
    """Without what looks like a name, by capitals alone.

    A capitalised word that begins no sentence is taken for a name, and so is the same word (less
    ``'s``) where it begins one. That takes places, titles, days and nationalities as well, and
    leaves a name that only ever begins a sentence. The word "I" stays.
    """
    words = list(_WORD.finditer(plot))
    begins = {
        first.start()
        for begin, end in sentences(plot)
        if (first := _WORD.search(plot, begin, end)) is not None
    }
    capitals = [match for match in words if match.group()[0].isupper() and not _is_i(match.group())]
    names = {_bare(match.group()) for match in capitals if match.start() not in begins}
    kept, last = [], 0
    for match in capitals:
        if match.start() not in begins or _bare(match.group()) in names:
            kept.append(plot[last : match.start()])
            last = match.end()
    return re.sub(r" {2,}", " ", "".join([*kept, plot[last:]])).strip() if last else plot


def typos(plot: str, share: float, seed: int = SEED) -> str:
    """Typing errors in ``share`` of the letters, which is rounded to a whole number of them.

    Each is one of: swapped with the letter after it, dropped, doubled, or the key beside it on an
    English keyboard; by equal chance among those that can be done there. The same text and seed
    make the same errors, whatever other films there are.
    """
    chance = random.Random(f"{seed} {plot}")
    letters = [i for i, letter in enumerate(plot) if letter.isalpha()]
    text = list(plot)
    # From the end, so that the places before stay where they are.
    for i in sorted(chance.sample(letters, round(share * len(letters))), reverse=True):
        text[i : i + 2] = chance.choice(_mistyped(text[i], "".join(text[i + 1 : i + 2]), chance))
    return "".join(text)


def lower_case(plot: str) -> str:
    """Without capitals."""
    return plot.lower()


def plain_letters(plot: str) -> str:
    """Without accents, curly quotes, long dashes and hard spaces; ø and ß have no accent."""
    apart = unicodedata.normalize("NFD", plot.translate(_PLAIN))
    bare = "".join(sign for sign in apart if not "\u0300" <= sign <= "\u036f")
    return unicodedata.normalize("NFC", bare)


VARIANTS: dict[str, Callable[[str], str]] = {
    "whole plot": whole,
    "first 50 words": partial(first_words, count=50),
    "first sentence": first_sentence,
    "last 50 words": partial(last_words, count=50),
    "names removed": names_removed,
    "typos, 2 %": partial(typos, share=0.02),
    "typos, 10 %": partial(typos, share=0.1),
    "lower case": lower_case,
    "plain letters": plain_letters,
}
WHOLE = next(iter(VARIANTS))


def disturb(plot: str, variant: str) -> str:
    """The plot in a variant; as it was where nothing would be left, for a model takes no less."""
    disturbed = VARIANTS[variant](plot)
    return disturbed if disturbed.strip() else plot


def _is_i(word: str) -> bool:
    return re.split("['’]", word)[0] == "I"


def _bare(word: str) -> str:
    return _POSSESSIVE.sub("", word)


def _mistyped(letter: str, following: str, chance: random.Random) -> list[str]:
    """What may come of a letter and the sign after it; the sign is empty at the text's end."""
    ways = [following, letter + letter + following]
    if following.isalpha() and following != letter:
        ways.append(following + letter)
    if beside := _beside(letter.lower()):
        key = chance.choice(beside)
        ways.append((key.upper() if letter.isupper() else key) + following)
    return ways


@cache
def _beside(letter: str) -> str:
    """The keys that touch the letter's own; each row is shifted half a key from the one above."""
    for i, row in enumerate(_KEYS):
        if letter and (j := row.find(letter)) >= 0:
            near = [(i, j - 1), (i, j + 1), (i - 1, j), (i - 1, j + 1), (i + 1, j - 1), (i + 1, j)]
            return "".join(
                _KEYS[y][x] for y, x in near if 0 <= y < len(_KEYS) and 0 <= x < len(_KEYS[y])
            )
    return ""
