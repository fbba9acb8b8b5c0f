"""Requests and answers: what OpenAPI shows, and what requests are checked against."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from plotgenre.serving.refusals import RefusedError

_PLOT = (
    "A retired detective returns to the harbour town where his partner vanished, and finds that "
    "the police would rather he had stayed away."
)
_TAG: dict[str, JsonValue] = {"name": "Crime Fiction", "probability": 0.68, "threshold": 0.25}


class TagRequest(BaseModel):
    """One plot or several, and what to say of each."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"plot": _PLOT},
                {"plots": [_PLOT, "Two strangers share a taxi."], "all": True},
                {"plot": _PLOT, "explain": True},
            ]
        },
    )

    plot: Annotated[str | None, Field(description="A text.")] = None
    # A body of a million wrong entries would be a million errors, of which one is said.
    plots: Annotated[
        list[str] | None, Field(description="Texts, answered in their order.", fail_fast=True)
    ] = None
    all: Annotated[bool, Field(description="Add every genre's probability.")] = False
    logits: Annotated[bool, Field(description="Add every genre's logit.")] = False
    explain: Annotated[
        bool, Field(description="Add the sentences and words that speak for each genre.")
    ] = False

    @model_validator(mode="after")
    def _one_of_both(self) -> TagRequest:
        if (self.plot is None) == (self.plots is None):
            raise ValueError("expected either plot, a text, or plots, a list of texts")
        return self

    def texts(self) -> list[str]:
        """The plots."""
        return [self.plot] if self.plot is not None else list(self.plots or ())


class GenreTag(BaseModel):
    """A genre that a film is tagged with."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TAG]})

    name: str
    probability: float
    threshold: Annotated[float, Field(description="Where the genre begins to be named.")]


class FilmTags(BaseModel):
    """What is said of one plot."""

    genres: Annotated[list[GenreTag], Field(description="Best first.")]
    warning: Annotated[
        str | None, Field(description="Where the plot is too long to be read to its end.")
    ] = None
    probabilities: Annotated[dict[str, float] | None, Field(description="With `all`.")] = None
    logits: Annotated[dict[str, float] | None, Field(description="With `logits`.")] = None
    explanation: Annotated[
        dict[str, Any] | None,
        Field(
            description="With `explain`: for each genre sentences and words with what they "
            "contribute to its logit. start and end count Unicode characters, not UTF-16 units."
        ),
    ] = None


class TagAnswer(BaseModel):
    """One entry a plot, in the order of the request."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "films", "films": [{"genres": [_TAG]}]}]}
    )

    model: str
    films: list[FilmTags]


class TestScores(BaseModel):
    """A genre's scores on the films that it was tested on."""

    films: Annotated[int, Field(description="Test films that have the genre.")]
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None


class Genre(BaseModel):
    """A genre that the model knows."""

    name: str
    threshold: float
    train_films: int | None
    test: Annotated[TestScores | None, Field(description="null where it was not tested.")]


class Genres(BaseModel):
    """All genres, in the model's order."""

    model: str
    genres: list[Genre]


class ModelFacts(BaseModel):
    """What the model is."""

    name: str
    version: Annotated[str, Field(description="The plotgenre that wrote it.")]
    fast: Annotated[bool, Field(description="Whether words alone are read.")]
    quick: Annotated[bool, Field(description="Whether long plots are read in part, in 8 bits.")]
    recipe: dict[str, Any]
    headline: Annotated[
        dict[str, float], Field(description="Test scores; empty where they are of another reading.")
    ]
    card: Annotated[str, Field(description="Markdown.")]
    limits: dict[str, int]


class Health(BaseModel):
    """`ready`, `loading` or `draining`; `live` where that is all that was asked."""

    status: str


class Error(BaseModel):
    """One sentence."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"error": "plots[3] is empty"}]})

    error: str


class FileRow(BaseModel):
    """A line of the answer to a file; the first line is `{"columns": […], "films": N or null}`."""

    row: int
    values: dict[str, Any]
    genres: list[GenreTag]
    warning: str | None = None
    error: str | None


def tag_request(body: bytes) -> TagRequest:
    """The request of a body.

    Raises
    ------
    RefusedError
        400 if it is not JSON, 422 if it is not as expected; what was sent is not quoted.
    """
    try:
        return TagRequest.model_validate_json(body)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        raise RefusedError(
            400, f"the body is not JSON: {first['msg'].removeprefix('Invalid JSON: ')}"
        )
    said = first["msg"].removeprefix("Value error, ")
    raise RefusedError(422, f"{_place(first['loc'])}{said[:1].lower()}{said[1:]}")


def _place(loc: tuple[int | str, ...]) -> str:
    # A key that the client made up may be anything, a plot included.
    shown = "".join(f"[{one}]" if isinstance(one, int) else one for one in loc)
    known = shown.partition("[")[0] in TagRequest.model_fields
    return f"{shown}: " if known else "a field of the body: " if loc else ""
