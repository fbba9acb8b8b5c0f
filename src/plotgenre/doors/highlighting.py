"""An explanation on the terminal: the plot with its telling sentences marked, and the words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from plotgenre.explaining.explanation import Explanation, GenreExplanation, Sentence, Word

_SHOWN_WORDS = 8
_QUOTED = 90
# Of the largest contribution: below the first a sentence stays plain, from the second it is bold.
_MARKED, _STRONG = 0.15, 0.6


def show_explanation(explanation: Explanation, title: str) -> None:
    """The plot as the best genre sees it, then each genre's strongest sentence and words."""
    console = Console(highlight=False)
    best = explanation.best
    if title:
        console.print(Text(title, style="bold underline"))
    console.print(marked_plot(explanation.plot, best))
    console.print()
    console.print(
        Text.assemble(
            f"Marked for {best.genre}: ",
            ("speaks for (+)", "green"),
            ", ",
            ("speaks against (−)", "red"),
            "; the number is what its logit loses without the sentence.",
        )
    )
    for genre in explanation:
        console.print(genre_heading(genre))
        console.print(genre_lines(genre))
    console.print()


def marked_plot(plot: str, genre: GenreExplanation) -> Text:
    """The plot; each telling sentence has its colour and, for screens without any, a number."""
    largest = max((abs(one.contribution) for one in genre.sentences), default=0.0)
    text, at = Text(), 0
    for one in genre.sentences:
        text.append(plot[at : one.start])
        at = one.end
        share = abs(one.contribution) / largest if largest else 0.0
        if share < _MARKED:
            text.append(one.text)
            continue
        colour = "green" if one.contribution > 0 else "red"
        text.append(one.text, style=f"bold {colour}" if share >= _STRONG else colour)
        text.append(f" ({_signed(one)})", style=f"dim {colour}")
    return text.append(plot[at:])


def genre_heading(genre: GenreExplanation) -> Text:
    """What the model says of one genre."""
    state = "" if genre.predicted else ", not predicted"
    said = f"  {genre.probability:.3f} (threshold {genre.threshold:.3f}{state})"
    return Text.assemble((genre.genre, "bold"), said)


def genre_lines(genre: GenreExplanation) -> Table:
    """The strongest sentence and words of one genre; a line without any is left out."""
    grid = Table.grid(padding=(0, 0, 0, 2))
    lines = (
        ("sentence", "green", _quoted(genre.sentences_for(1))),
        ("words for", "green", _listed(genre.words_for(_SHOWN_WORDS))),
        ("words against", "red", _listed(genre.words_against(_SHOWN_WORDS))),
    )
    for name, colour, shown in lines:
        if shown:
            grid.add_row(name, Text(shown, style=colour))
    return grid


def _quoted(sentences: Sequence[Sentence]) -> str:
    if not sentences:
        return ""
    flat = " ".join(sentences[0].text.split())
    short = flat if len(flat) <= _QUOTED else flat[: _QUOTED - 1].rstrip() + "…"
    return f"{short} ({_signed(sentences[0])})"


def _listed(words: Sequence[Word]) -> str:
    return ", ".join(f"{one.text} {_signed(one)}" for one in words)


def _signed(one: Sentence | Word) -> str:
    return f"{one.contribution:+.2f}".replace("-", "−")
