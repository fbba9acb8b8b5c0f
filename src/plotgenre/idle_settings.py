"""Idle settings: those that nothing reads, given the others; a recipe that sets one is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from plotgenre.embedding.encoders import BUNDLED
from plotgenre.errors import RecipeError
from plotgenre.recipe import Recipe

ADAPTATION = ("genres", "split", "slicing", "encoder", "adapting")
"""The parts of a recipe that fine-tuning an encoder on its own reads."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """Settings, dotted or a whole part, that are read only where ``governor`` has such a value."""

    settings: str
    governor: str
    read: Callable[[Any], bool]
    change: str


def _only(settings: str, governor: str, *values: Any) -> _Rule:
    wanted = " or ".join(_shown(value) for value in values)
    return _Rule(settings, governor, lambda value: value in values, f"set {governor} to {wanted}")


def _above(settings: str, governor: str, least: float) -> _Rule:
    return _Rule(settings, governor, lambda value: value > least, f"raise {governor} above {least}")


def _given(settings: str, governor: str) -> _Rule:
    return _Rule(settings, governor, lambda value: value is not None, f"set {governor}")


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return repr(value)


# Of a film that is one slice nothing is pooled, combined, weighed or drawn.
_OF_SEVERAL_SLICES = (
    "slicing.overlap head.pooling head.combine head.attention_dim adapting.slices adapting.loss_on"
)
_WITHOUT_STEPS = "leave adapting.steps out"
# The first one that is broken is told, so the reason comes before what follows from it.
_RULES = (
    _only("slicing encoder sampling head training", "branches.semantic", True),
    _only("lexical", "branches.lexical", True),
    _only("adapting", "branches.adapted", True),
    _only("slicing.max_slices " + _OF_SEVERAL_SLICES, "slicing.way", "windows"),
    _above(_OF_SEVERAL_SLICES, "slicing.max_slices", 1),
    # A model that is saved with its encoder keeps it as an ONNX folder, which reads both.
    _only("encoder.precision encoder.runtime", "encoder.kind", "sentence_transformers", "onnx"),
    _Rule(
        "encoder.revision",
        "encoder.name",
        lambda name: name != BUNDLED and not Path(name).is_dir(),
        "name an encoder of the Hub",
    ),
    _given("adapting.teacher_weight", "adapting.teacher"),
    _Rule(
        "adapting.minutes",
        "adapting.steps",
        lambda steps: steps is None,
        "leave adapting.steps out",
    ),
    _above("adapting.loss_on", "adapting.slices", 1),
    _only("sampling.share", "sampling.method", "ml_ros"),
    _only("sampling.neighbours", "sampling.method", "ml_smote"),
    _only("sampling.distance_threshold sampling.removes", "sampling.method", "ml_tomek"),
    _only("head.combine", "head.pooling", "none"),
    _only("head.attention_dim", "head.kind", "attention"),
    _above("training.optimizer", "training.weight_decay", 0),
    _only("training.pos_weight_cap", "training.loss", "weighted_bce"),
    _only("training.focal_gamma", "training.loss", "focal"),
    _only(
        "training.asymmetric_gamma_pos training.asymmetric_gamma_neg training.asymmetric_shift",
        "training.loss",
        "asymmetric",
    ),
    _only(
        "training.balanced_alpha training.balanced_beta training.balanced_mu "
        "training.balanced_lambda training.balanced_kappa",
        "training.loss",
        "distribution_balanced",
    ),
    _above("training.balanced_mu", "training.balanced_beta", 0),
    _only("training.logit_adjustment_tau", "training.loss", "logit_adjustment"),
    _given("lexical.maximum_characters", "lexical.characters"),
    _only("calibration.shrinkage calibration.mixing_shrinkage", "calibration.method", "per_genre"),
    _only("calibration.mixing_shrinkage", "branches.semantic", True),
    _only("calibration.mixing_shrinkage", "branches.lexical", True),
    _only("thresholds.value", "thresholds.scope", "fixed"),
    _only("thresholds.metric", "thresholds.scope", "global", "per_genre"),
)


def refuse_idle(
    recipe: Recipe,
    unread: Mapping[str, str] | None = None,
    parts: Collection[str] | None = None,
) -> None:
    """Refuse a recipe that sets what nothing reads, before any work is done with it.

    A setting counts as set where its value is not the default. Recipes and model folders with such
    settings still load: only fitting refuses them.

    Parameters
    ----------
    recipe
        All settings.
    unread
        What is idle in this call whatever the recipe says, dotted or a whole part, and why.
    parts
        The parts that the call reads; what the recipe says in others is for another call, and
        passed over. ``None`` is all.

    Raises
    ------
    RecipeError
        If there is one: names it, the reason, and what to change.
    """
    read = [part.name for part in fields(recipe) if parts is None or part.name in parts]
    for setting, why in (unread or {}).items():
        if found := _set_below(setting, recipe, read):
            raise RecipeError(f"{_do_nothing(found)}, as {why}: {_left_out(found, setting)}")
    for rule in _RULES:
        value = _value(recipe, rule.governor)
        if rule.governor.partition(".")[0] not in read or rule.read(value):
            continue
        if found := _set_below(rule.settings, recipe, read):
            raise RecipeError(
                f"{_do_nothing(found)} where {rule.governor} is {_shown(value)}: "
                f"{rule.change}, or {_left_out(found, rule.settings)}"
            )


def what_words_ignore(recipe: Recipe) -> str | None:
    """A sentence where imbalance is met in the semantic branch, and not in the lexical one."""
    settings = {"sampling.method": "none", "training.loss": "bce"}
    found = [name for name, without in settings.items() if _value(recipe, name) != without]
    both = recipe.branches.semantic and recipe.branches.lexical
    if not found or not both or recipe.lexical.pos_weight_cap > 1:
        return None
    are = " and ".join(found) + (" change" if len(found) > 1 else " changes")
    return (
        f"{are} the semantic branch alone; for the lexical one raise lexical.pos_weight_cap above 1"
    )


def _value(recipe: Recipe, dotted: str) -> Any:
    part, _, name = dotted.partition(".")
    return getattr(getattr(recipe, part), name)


def _set_below(settings: str, recipe: Recipe, parts: Collection[str]) -> list[str]:
    """The settings with another value than the default, of some parts alone."""
    found = []
    for setting in settings.split():
        part, dot, name = setting.partition(".")
        if part in parts:
            names = [name] if dot else [one.name for one in fields(getattr(recipe, part))]
            found += [f"{part}.{one}" for one in names]
    default = Recipe()
    return [dotted for dotted in found if _value(recipe, dotted) != _value(default, dotted)]


def _do_nothing(found: list[str]) -> str:
    if len(found) == 1:
        return f"{found[0]} does nothing"
    return f"{', '.join(found[:-1])} and {found[-1]} do nothing"


def _left_out(found: list[str], settings: str) -> str:
    if len(found) == 1:
        default = _value(Recipe(), found[0])
        return f"leave {found[0]} " + ("out" if default is None else f"at {_shown(default)}")
    parts = dict.fromkeys(name.partition(".")[0] for name in found)
    whole = ", ".join(f"{part}={{}}" for part in parts if part in settings.split())
    return "leave them at their defaults" + (f" ({whole})" if whole else "")
