"""A Hugging Face Space: a plot goes in, its genres and their probabilities come out.

MODEL is a Hub id or a folder; upload the model with `push_to_hub(..., bundle_encoder=True)`, and
the Space needs no torch.
"""

import os
from functools import cache
from typing import Any

from plotgenre import GenreClassifier, PlotgenreError

EXAMPLES = [
    "A retired detective returns to the harbour town where his partner vanished, and finds that "
    "everyone there is lying to him.",
    "Two strangers share a taxi on the morning of their weddings, and neither wants to get out.",
]
SHOWN = 10


@cache
def model() -> GenreClassifier:
    """The model, read once."""
    return GenreClassifier.from_pretrained(os.environ.get("MODEL", "model"))


def answer(plot: str) -> tuple[str, dict[str, float]]:
    """The genres that the model gives, and the likeliest with their probabilities."""
    try:
        P = model().predict_proba([plot])[0]
        named = list(model().tag(plot))
    except PlotgenreError as refused:
        return str(refused), {}
    likeliest = sorted(zip(P.tolist(), model().classes_, strict=True), reverse=True)[:SHOWN]
    return ", ".join(named) or "none", {genre: p for p, genre in likeliest}


def page() -> Any:
    """The page, in Gradio."""
    import gradio

    return gradio.Interface(
        answer,
        gradio.Textbox(label="Plot", lines=8),
        [gradio.Textbox(label="Genres"), gradio.Label(label="Probabilities")],
        title="Which genres is this film?",
        description="Each genre has a probability of its own; they do not sum to 1.",
        examples=[[plot] for plot in EXAMPLES],
        flagging_mode="never",
    )


if __name__ == "__main__":
    page().launch()
