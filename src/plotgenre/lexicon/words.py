"""The words of a plot: the one way to cut it, in fitting and in prediction."""

from __future__ import annotations

import re

from plotgenre.texts import normalised, read_part

_WORD = re.compile(r"\w\w+")


def words(plot: str) -> list[str]:
    r"""The words of a plot, in order: runs of two or more letters, digits or underscores.

    Lower case, and composed (Unicode NFC), since a combining accent would cut its word in two.
    On composed text these are scikit-learn's default words (``\b\w\w+\b``). A script without
    spaces between words, such as Chinese, gives runs of characters, of which few come twice.
    """
    return _WORD.findall(normalised("NFC", read_part(plot).lower()))
