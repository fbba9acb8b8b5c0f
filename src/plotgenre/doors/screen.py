"""The terminal: tables of figures, and progress on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from plotgenre.branches.branch import Progress as Listeners
from plotgenre.lexicon.reading import PlotsRead

if TYPE_CHECKING:
    from plotgenre.corpus import Corpus
    from plotgenre.corpus.health import CorpusHealth
    from plotgenre.embedding.embedder import EmbeddingProgress
    from plotgenre.evaluation.comparison import Comparison, HeadlineRow
    from plotgenre.evaluation.evaluation import Evaluation
    from plotgenre.experiment import Experiment
    from plotgenre.learning.adapting_log import Evaluated
    from plotgenre.learning.history import EpochScores, History
    from plotgenre.learning.sparse_fitting import GenresFitted

_NO_INTERVAL = "no interval: depends on how many films there are, or too few films"
_SHOWN_GENRES = 12
_HEALTH_GENRES = 8
_BAR_WIDTH = 24
_SECONDS_BETWEEN_LINES = 10


@contextmanager
def progress() -> Iterator[Listeners]:
    """Bars for embedding and epochs on standard error; plain lines where that is no terminal."""
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bars:
        yield Listeners(
            _EmbeddingBar(bars, console), _EpochLine(console), _LexicalBar(bars), _show_evaluated
        )


def _show_evaluated(evaluated: Evaluated) -> None:
    """One line on standard error."""
    loss, scores = evaluated.train_loss, evaluated.validation
    trained = (
        f"loss {loss:.4f}  {evaluated.tokens_per_second:,.0f} tokens/s  "
        if loss is not None
        else ""
    )
    steps = f"/{evaluated.steps:,}" if evaluated.steps else ""
    print(
        f"step {evaluated.step:,}{steps}  {evaluated.seconds / 60:.1f} min  {trained}"
        f"validation loss {scores.loss:.4f}  micro-F1 {scores.micro_f1:.3f}  "
        f"macro average precision {scores.macro_average_precision:.3f}",
        file=sys.stderr,
        flush=True,
    )


class _EmbeddingBar:
    def __init__(self, bars: Progress, console: Console) -> None:
        self.bars, self.console = bars, console
        self.shown_at = 0.0

    def __call__(self, progress: EmbeddingProgress) -> None:
        note = f"{progress.slices_per_second:,.0f} slices/s"
        if self.console.is_terminal:
            if not self.bars.tasks or self.bars.tasks[-1].finished:
                self.bars.add_task("encoding", total=progress.total, note=note)
            self.bars.update(self.bars.tasks[-1].id, completed=progress.done, note=note)
        elif progress.seconds - self.shown_at >= _SECONDS_BETWEEN_LINES:
            self.shown_at = progress.seconds
            left = (progress.total - progress.done) / max(progress.slices_per_second, 1e-9)
            print(
                f"encoding {progress.done:,}/{progress.total:,} {note}, {left:,.0f} s left",
                file=sys.stderr,
            )


class _LexicalBar:
    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.shown_at = time.monotonic()

    def __call__(self, progress: PlotsRead | GenresFitted) -> None:
        what = f"reading {progress.what}" if isinstance(progress, PlotsRead) else "fitting genres"
        if not self.bars.disable:
            if not self.bars.tasks or self.bars.tasks[-1].description != what:
                self.bars.add_task(what, total=progress.total, note="")
            self.bars.update(self.bars.tasks[-1].id, completed=progress.done)
        elif time.monotonic() - self.shown_at >= _SECONDS_BETWEEN_LINES:
            self.shown_at = time.monotonic()
            print(f"{what} {progress.done:,}/{progress.total:,}", file=sys.stderr)


def _scores_of(scores: EpochScores) -> str:
    micro_f1 = "" if scores.micro_f1 is None else f"micro-F1 {scores.micro_f1:.3f}  "
    return (
        f"train loss {scores.train_loss:.4f}  validation loss {scores.validation_loss:.4f}  "
        f"{micro_f1}macro average precision {scores.macro_average_precision:.3f}"
    )


class _EpochLine:
    def __init__(self, console: Console) -> None:
        self.console = console

    def __call__(self, scores: EpochScores) -> None:
        self.console.print(
            f"epoch {scores.epoch:3d}  {_scores_of(scores)}  {scores.seconds:.1f} s",
            highlight=False,
            soft_wrap=True,
        )


def show_health(health: CorpusHealth, findings: Mapping[str, str]) -> None:
    """Figures of a corpus, what was found in it, and its commonest genres, on one screen."""
    words = health.plot_words
    figures = {
        "films": f"{health.films:,}",
        "genres": f"{health.genres:,}",
        "films without a genre": f"{health.films_without_genre:,}",
        "genres per film (cardinality)": f"{health.label_cardinality:.2f}",
        "density": f"{health.label_density:.4f}",
        "imbalance (MeanIR)": f"{health.mean_ir:,.1f}",
        "SCUMBLE": f"{health.scumble:.3f}",
        "words per plot": (
            f"mean {words.mean:,.0f}, median {words.median:,.0f}, 90 % below {words.p90:,.0f}, "
            f"longest {words.max:,}"
        ),
        "plots under 20 words": f"{health.short_plots:,}",
        "duplicate plots": f"{health.duplicate_films:,}",
    }
    table = Table("", "value", title="Corpus")
    for name, value in (figures | dict(findings)).items():
        table.add_row(name, Text(value))
    genres = Table("genre", "films", "IRLbl", title="Commonest genres")
    for genre, films in list(health.films_per_genre.items())[:_HEALTH_GENRES]:
        genres.add_row(Text(genre), f"{films:,}", f"{health.irlbl[genre]:,.1f}")
    console = Console()
    console.print(table)
    console.print(genres)


def show_evaluation(evaluation: Evaluation) -> None:
    """What was read, headline metrics with intervals where they have one, genres by frequency."""
    console = Console()
    for sentence in evaluation.account.sentences() if evaluation.account else ():
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    table = Table(
        "metric",
        "value",
        "95 % interval",
        title=f"{evaluation.films:,} films, {evaluation.genres_with_support} genres with a film",
        caption=f"higher is better where no word says otherwise; {_NO_INTERVAL}",
    )
    for name, value, interval in evaluation.summary_rows():
        # A metric over genres that this corpus does not have is undefined.
        if value != "nan":
            table.add_row(name, value, interval)
    buckets = Table(
        "train films", "genres", "macro-F1", "macro average precision",
        "calibration error (lower is better)", "Brier score (lower is better)",
        title="By frequency",
    )  # fmt: skip
    for name, bucket in evaluation.buckets.items():
        if not bucket.genres_with_support:
            continue
        buckets.add_row(
            name,
            f"{bucket.genres_with_support}",
            f"{bucket.macro_f1.value:.3f}",
            f"{bucket.macro_average_precision.value:.3f}",
            f"{bucket.expected_calibration_error.value:.5f}",
            f"{bucket.brier.value:.5f}",
        )
    console.print(table)
    console.print(buckets)


def show_comparison(comparison: Comparison) -> None:
    """Headline differences from the first run, then the genres that they differ most in."""
    reference, *others = comparison.runs
    scope = f"{comparison.films:,} films, {comparison.genres_with_support} genres with a film"
    table = Table(
        "metric",
        escape(reference),
        *(escape(f"{run}, less the first") for run in others),
        title=scope,
        caption=f"better, worse: the 95 % interval of the difference lacks 0; {_NO_INTERVAL}",
    )
    for main in comparison.headline():
        table.add_row(main.name, f"{main.values[0].value:.{main.decimals}f}", *_differences(main))
    wins = Table(
        "run", "best by average precision", "best by F1", title="Genres in which a run is best"
    )
    for run, (ranked, decided) in comparison.wins().items():
        wins.add_row(Text(run), f"{ranked}", f"{decided}")
    genres = Table(
        "genre", "test films", "average precision", "F1", "best by average precision",
        title="Commonest genres, runs in the order given",
    )  # fmt: skip
    for row in sorted(comparison.per_genre, key=lambda row: -row.support)[:_SHOWN_GENRES]:
        figures = (" ".join(f"{x:.3f}" for x in run) for run in (row.average_precision, row.f1))
        best = row.best_by_average_precision or "–"
        genres.add_row(Text(row.genre), f"{row.support:,}", *figures, Text(best))
    console = Console()
    for shown in (table, wins, genres):
        console.print(shown)


def _differences(row: HeadlineRow) -> Iterator[str]:
    for one, verdict in zip(row.differences, row.verdicts, strict=True):
        value, low, high = (f"{x:+.{row.decimals}f}" for x in (one.value, one.low, one.high))
        yield f"{value} ({low} to {high}) {verdict}".rstrip() if one.known else value


def show_experiment(experiment: Experiment) -> None:
    """What was learned from how many films, what was left out, and the scores."""
    console, chosen = Console(), experiment.chosen
    films = f"{len(chosen.corpus):,} train films, {len(chosen.corpus.genres)} genres"
    console.print(films, highlight=False)
    if chosen.respelled:
        spellings = ", ".join(f"{one!r} as {name!r}" for one, name in chosen.respelled.items())
        console.print(f"read {spellings}", highlight=False, markup=False, soft_wrap=True)
    for what, names in (("as too rare", chosen.left_out), ("by the groups", chosen.ungrouped)):
        if names:
            console.print(_left_out(what, names), highlight=False, markup=False)
    if chosen.without_genre:
        what = "dropped" if chosen.dropped else "kept"
        console.print(f"films left without a genre: {chosen.without_genre:,}, {what}")
    if (history := experiment.classifier.history_) is not None:
        console.print(_told(history), highlight=False, soft_wrap=True)
    if experiment.evaluation is not None:
        show_evaluation(experiment.evaluation)
    console.print(f"model: {experiment.folder / 'model'}", highlight=False, markup=False)
    if (models := experiment.folder / "checkpoints" / "models").is_dir():
        console.print(f"checkpoints: {models}", highlight=False, markup=False)


def _told(history: History) -> str:
    """Which epoch was kept, and where overfitting began."""
    best, after = history.epochs[history.best_epoch - 1], history.overfitting_after
    return f"epoch {best.epoch} of {len(history.epochs)} was kept: {_scores_of(best)}\n" + (
        "no overfitting: validation loss ended at its lowest, or train loss fell no further"
        if after is None
        else f"overfitting began after epoch {after}: from there validation loss rose while "
        "train loss fell"
    )


def _left_out(what: str, films: Mapping[str, int]) -> str:
    names = sorted(films, key=lambda name: -films[name])
    more = " …" if len(names) > _SHOWN_GENRES else ""
    return f"left out {what}: {len(names)} genres, {', '.join(names[:_SHOWN_GENRES])}{more}"


def show_tags(films: Corpus, tags: list[dict[str, float]]) -> None:
    """Each film's genres with bars of probability."""
    table = Table("film", "genre", "probability", "")
    for i, genres in enumerate(tags):
        film = films[i]
        name = film.title or (film.id if len(films) > 1 else "")
        rows: list[tuple[str, float | None]] = [*genres.items()]
        rows = rows or [("no genre above its threshold", None)]
        for j, (genre, p) in enumerate(rows):
            shown = "" if p is None else f"{p:.3f}"
            bar = "█" * round((p or 0) * _BAR_WIDTH)
            table.add_row(Text(name if j == 0 else ""), Text(genre), shown, bar)
    Console().print(table)


def show_similar(rows: list[dict[str, Any]]) -> None:
    """The films that were found, the most alike first."""
    table = Table("film", "year", "id", "likeness", "genres in common")
    for row in rows:
        year = "" if row["year"] is None else str(row["year"])
        title, genres = row["title"] or "", ", ".join(row["genres"])
        table.add_row(Text(title), year, Text(row["id"]), f"{row['likeness']:.3f}", Text(genres))
    Console().print(table)
