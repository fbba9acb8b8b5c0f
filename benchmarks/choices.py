"""The choices that are measured: a name, and what it changes in the recipe `best` as it was."""

from __future__ import annotations

from typing import Any

from plotgenre.embedding.encoders.encoder import BUNDLED

RECIPE, BASE = "best", "best before"
# The recipe as it was when choices were measured; what helped has since become part of it.
BEFORE: dict[str, Any] = {"training.loss": "bce", "training.logit_adjustment_tau": 1.0}

CHOICES: dict[str, dict[str, Any]] = {
    BASE: {},
    "encoder as it came, not adapted": {
        "encoder.name": BUNDLED,
        "encoder.kind": "sentence_transformers",
    },
    # Branches and how they are joined.
    "semantic branch alone": {"branches.lexical": False},
    "lexical branch alone": {"branches.semantic": False},
    "joined by the plain mean": {"calibration.method": "none"},
    "joined by shared weights": {"calibration.method": "shared"},
    "shrinkage 1": {"calibration.shrinkage": 1.0},
    "shrinkage 100": {"calibration.shrinkage": 100.0},
    "branches' ratio free in each genre": {"calibration.mixing_shrinkage": 0.0},
    # What is read of a plot.
    "at most 4 slices": {"slicing.max_slices": 4},
    "at most 3 slices": {"slicing.max_slices": 3},
    "at most 1 slice": {"slicing.max_slices": 1},
    # Words.
    "character n-grams too": {"lexical.characters": [3, 5]},
    "positives not weighted in the lexical branch": {"lexical.pos_weight_cap": 1.0},
    # Head.
    "linear head": {"head.kind": "linear"},
    "label attention": {"head.kind": "attention", "head.pooling": "none"},
    "slices apart, mean logit": {"head.pooling": "none"},
    "BatchNorm": {"head.batch_norm": True},
    "dropout 0.5": {"head.dropout": 0.5},
    # Losses.
    "class weights": {"training.loss": "weighted_bce"},
    "focal loss": {"training.loss": "focal"},
    "asymmetric loss": {"training.loss": "asymmetric"},
    "distribution-balanced loss": {"training.loss": "distribution_balanced"},
    "logit adjustment": {"training.loss": "logit_adjustment"},
    "half of logit adjustment, as it ships": {
        "training.loss": "logit_adjustment",
        "training.logit_adjustment_tau": 0.5,
    },
    # Resampling.
    "ML-ROS": {"sampling.method": "ml_ros"},
    "ML-SMOTE": {"sampling.method": "ml_smote"},
    "multi-label Tomek links": {"sampling.method": "ml_tomek"},
    "REMEDIAL": {"sampling.method": "remedial"},
    # Thresholds.
    "a threshold per genre": {"thresholds.scope": "per_genre"},
    "smoothed thresholds per genre": {"thresholds.scope": "micromacro"},
    "threshold 0.5": {"thresholds.scope": "fixed"},
    # Genres.
    "all genres, however rare": {"genres.minimum_films": 1},
}
