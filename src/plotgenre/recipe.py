"""Recipe: all settings of a model as one validated tree, TOML in and out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from plotgenre.branches.branch import BranchSettings
from plotgenre.branches.lexical import LexicalSettings
from plotgenre.corpus.genres import GenreSettings
from plotgenre.corpus.splits import SplitSettings
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.embedding.slicing import Slicing
from plotgenre.errors import RecipeError
from plotgenre.learning.adapting_settings import AdaptingSettings
from plotgenre.learning.calibration import CalibrationSettings
from plotgenre.learning.heads import HeadSettings
from plotgenre.learning.sampling import SamplingSettings
from plotgenre.learning.settings import TrainingSettings
from plotgenre.learning.thresholds import ThresholdSettings
from plotgenre.whole_files import write_whole

DEFAULT_RECIPE = "fused"

SettingsT = TypeVar("SettingsT")


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Recipe:
    """How a model is made, from genres to thresholds; each part is documented where it is used.

    Parameters
    ----------
    genres
        Minimum films, merges of synonyms, films without a genre.
    split
        Shares of validation and test where a corpus does not come split.
    branches
        Which ways of reading a model joins. Settings of one that is not there must stay at their
        defaults, see `idle_settings.refuse_idle`.
    lexical
        N-grams and the sparse head of the lexical branch.
    slicing
        How plots longer than the encoder reads are cut.
    encoder
        What turns slices into vectors.
    adapting
        How the encoder is fine-tuned, where ``branches.adapted`` says so.
    sampling
        How train films of the semantic branch are resampled against imbalance.
    head
        What turns a film's vectors into logits, and how its slices are used.
    training
        How the head of the semantic branch is fitted.
    calibration
        How logits become probabilities that can be believed.
    thresholds
        How probabilities become decisions.
    """

    genres: GenreSettings = field(default_factory=GenreSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    branches: BranchSettings = field(default_factory=BranchSettings)
    lexical: LexicalSettings = field(default_factory=LexicalSettings)
    slicing: Slicing = field(default_factory=Slicing)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    adapting: AdaptingSettings = field(default_factory=AdaptingSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    head: HeadSettings = field(default_factory=HeadSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    calibration: CalibrationSettings = field(default_factory=CalibrationSettings)
    thresholds: ThresholdSettings = field(default_factory=ThresholdSettings)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any], origin: str = "recipe") -> Recipe:
        """The recipe of a nested mapping; what is left out keeps its default.

        Raises
        ------
        RecipeError
            If a setting is unknown, of the wrong type or out of range; ``origin`` begins the
            message.
        """
        return validated(cls, settings, origin)

    @classmethod
    def load(cls, source: str | Path) -> Recipe:
        """The recipe of a TOML file, or of one of the names that :func:`recipe_names` lists.

        Raises
        ------
        RecipeError
            If there is no such recipe, it is not TOML, or a setting is wrong.
        """
        text, origin = _read(source)
        try:
            settings = tomllib.loads(text)
        except tomllib.TOMLDecodeError as broken:
            raise RecipeError(f"{origin} is not TOML: {broken}") from None
        return cls.from_dict(settings, origin)

    def as_dict(self) -> dict[str, Any]:
        """All settings as a nested mapping of plain values, ``None`` included."""
        return asdict(self)

    def save(self, path: Path) -> None:
        """Write all settings as TOML; a setting of ``None`` is left out, as TOML has none."""
        write_whole(path, tomli_w.dumps(_without_none(self.as_dict())).encode())

    def with_settings(self, assignments: Mapping[str, Any]) -> Recipe:
        """A copy with dotted settings changed, as ``{"head.kind": "linear"}``.

        A mapping replaces a whole part: ``{"adapting": {}}`` is all of its defaults.

        Raises
        ------
        RecipeError
            If a setting is unknown or its value wrong.
        """
        settings = self.as_dict()
        for dotted, value in assignments.items():
            part, _, name = dotted.partition(".")
            if dotted in settings and isinstance(value, Mapping):
                settings[dotted] = dict(value)
                continue
            if not isinstance(settings.get(part), dict) or not name:
                raise RecipeError(
                    f"no setting {dotted!r}; expected PART.NAME with PART one of "
                    f"{', '.join(settings)}"
                )
            settings[part][name] = value
        return Recipe.from_dict(settings)


def validated(kind: type[SettingsT], settings: Mapping[str, Any], origin: str) -> SettingsT:
    """Settings of a kind from a mapping; what is left out keeps its default.

    Raises
    ------
    RecipeError
        As `Recipe.from_dict`.
    """
    try:
        return TypeAdapter(kind).validate_python(dict(settings))
    except ValidationError as invalid:
        raise RecipeError(f"{origin}: {_first_sentence(invalid)}") from None


def recipe_names() -> list[str]:
    """The recipes that come with plotgenre, by name."""
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in _folder().iterdir()
        if entry.name.endswith(".toml")
    )


def _folder() -> Any:
    installed = resources.files("plotgenre") / "recipes"
    # A checkout keeps recipes beside src; building the wheel moves them into the package.
    return installed if installed.is_dir() else Path(__file__).parents[2] / "recipes"


def _read(source: str | Path) -> tuple[str, str]:
    path = Path(source)
    # A folder may well bear a recipe's name: that of the experiment made with it.
    if path.suffix != ".toml" and not path.is_file():
        if str(source) not in recipe_names():
            raise RecipeError(
                f"no recipe {str(source)!r}; expected a TOML file or one of "
                f"{', '.join(recipe_names())}"
            )
        return (_folder() / f"{source}.toml").read_text(encoding="utf-8"), f"recipe {source}"
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as unreadable:
        raise RecipeError(f"cannot read the recipe {path}: {unreadable}") from None


def _first_sentence(invalid: ValidationError) -> str:
    error = invalid.errors()[0]
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "unexpected_keyword_argument":
        return f"unknown setting {where!r}"
    message = error["msg"].removeprefix("Value error, ")
    given = error["input"]
    shown = f", got {given!r}" if isinstance(given, str | int | float | bool) else ""
    return f"{where}: {message[0].lower()}{message[1:]}{shown}" if where else message


def _without_none(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in settings.items()
        if value is not None
    }
