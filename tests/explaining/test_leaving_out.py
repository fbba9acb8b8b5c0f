"""Explanations of real, small models: one branch, the other, both."""

import subprocess
import sys

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.errors import InputError
from plotgenre.explaining.sentences import without
from plotgenre.lexicon.words import words

GHOST = "The ghost discovers an old cellar in the house."
TAXI = "Two strangers share a taxi in the morning, both of them."
SHIP = "Nothing of note was ever seen at sea on that day."
PLOT = f"{SHIP} {GHOST}\n\n{TAXI} "


@pytest.fixture(scope="module")
def fused(film_lists, film_recipe):
    settings = {"branches.lexical": True, "calibration.method": "shared"}
    return GenreClassifier(film_recipe.with_settings(settings)).fit(*film_lists)


@pytest.fixture(scope="module")
def lexical(film_lists, words_recipe):
    return GenreClassifier(words_recipe).fit(*film_lists)


@pytest.fixture(params=["fitted", "lexical", "fused"])
def model(request):
    return request.getfixturevalue(request.param)


def test_a_sentence_counts_what_the_logit_loses_without_it(model):
    told = model.explain(PLOT, ["Horror", "Comedy"])
    whole = model.decision_function([PLOT])[0]
    assert [one.genre for one in told] == ["Horror", "Comedy"]
    for one in told:
        j = list(model.classes_).index(one.genre)
        assert [sentence.text for sentence in one.sentences] == [SHIP, GHOST, TAXI]
        for sentence in one.sentences:
            assert PLOT[sentence.start : sentence.end] == sentence.text
            left = model.decision_function([without(PLOT, (sentence.start, sentence.end))])[0, j]
            assert sentence.contribution == pytest.approx(whole[j] - left, abs=1e-5)
        assert one.logit == pytest.approx(whole[j], abs=1e-5)
        assert one.probability == pytest.approx(1 / (1 + np.exp(-whole[j])), abs=1e-5)
        assert one.threshold == model.thresholds_[j]
    # The tiny encoder alone is random, and hears genres in any sentence.
    if "lexical" in model.branches_:
        assert told["Horror"].sentences_for(1)[0].text == GHOST
        assert told["Comedy"].sentences_for(1)[0].text == TAXI


def test_words_and_bias_are_the_lexical_part_of_the_logit(lexical, fused):
    for model, at in ((lexical, 0), (fused, 1)):
        branch, weights = model.branches_["lexical"], model.calibration_.weights[at]
        for one in model.explain(PLOT, list(model.classes_)):
            j = list(model.classes_).index(one.genre)
            part = branch.logits([PLOT])[0, j] * weights[j]
            bias = branch.head.tensors["bias"][j] * weights[j]
            told = sum(word.contribution for word in one.words)
            assert told + bias == pytest.approx(part, abs=1e-5)
            strengths = [abs(word.contribution) for word in one.words]
            assert strengths == sorted(strengths, reverse=True)
            assert all(strengths)
    horror = lexical.explain(PLOT, ["Horror"]).best
    # Pairs of words among them.
    assert all(set(word.text.split()) <= set(words(GHOST)) for word in horror.words_for(6))
    assert all(set(word.text.split()) <= set(words(TAXI)) for word in horror.words_against(3))


def test_words_alone_are_the_whole_logit_but_for_biases(lexical):
    one = lexical.explain(PLOT, ["Horror"]).best
    j = list(lexical.classes_).index("Horror")
    weight, shift = lexical.calibration_.weights[0, j], lexical.calibration_.biases[j]
    bias = lexical.branches_["lexical"].head.tensors["bias"][j]
    told = sum(word.contribution for word in one.words)
    assert told + bias * weight + shift == pytest.approx(one.logit, abs=1e-5)


def test_an_encoder_alone_tells_no_words(fitted):
    assert fitted.explain(PLOT).best.words == ()


def test_by_default_the_predicted_genres_best_first_else_the_best(model, film_lists):
    counts = set()
    for plot in film_lists[0][:20]:
        told, tags = model.explain(plot), model.tag(plot)
        assert told.tags == pytest.approx(tags, abs=1e-5)
        assert list(told.tags) == [one.genre for one in told if one.predicted]
        if tags:
            assert [one.genre for one in told] == list(tags)
        counts.add(len(tags))
    assert len(counts) > 1
    none = model.explain("Zzz qqq.")
    if not none.tags:
        assert len(none) == 1
        assert none.best.predicted is False
        best = model.predict_proba(["Zzz qqq."])[0].argmax()
        assert none.best.genre == model.classes_[best]


def test_the_only_sentence_is_weighed_against_the_empty_plot(lexical):
    one = lexical.explain(GHOST, ["Horror"]).best
    (sentence,) = one.sentences
    priors = lexical.branches_["lexical"].head.tensors["prior"]
    empty = lexical.calibration_.logits([priors[None]])[0, list(lexical.classes_).index("Horror")]
    assert sentence.contribution == pytest.approx(one.logit - empty, abs=1e-5)
    assert sentence.contribution > 0


def test_all_readings_are_one_call(lexical, monkeypatch):
    calls = []
    branch = type(lexical.branches_["lexical"])
    read = branch.logits

    def counted(self, plots, progress=None):
        calls.append(len(plots))
        return read(self, plots, progress)

    monkeypatch.setattr(branch, "logits", counted)
    lexical.explain(PLOT)
    # 600 sentences are at most 40 spans.
    lexical.explain(f"{GHOST} {TAXI} " * 300)
    assert calls[0] == 1 + 3
    assert 30 < calls[1] <= 1 + 40
    assert len(calls) == 2


def test_what_is_refused(lexical):
    with pytest.raises(InputError, match="no genre 'Horor'; the closest are Horror"):
        lexical.explain(PLOT, ["Comedy", "Horor"])
    with pytest.raises(InputError, match="no genre 'Opera': it was too rare in train"):
        lexical.explain(PLOT, "Opera")
    with pytest.raises(InputError, match="no genre to explain"):
        lexical.explain(PLOT, [])
    with pytest.raises(InputError, match="expected a text"):
        lexical.explain("  ")
    with pytest.raises(InputError, match="not fitted yet"):
        GenreClassifier().explain(PLOT)
    assert [one.genre for one in lexical.explain(PLOT, ["War", "War"])] == ["War"]


def test_words_alone_explain_without_torch_or_an_encoder(lexical, tmp_path):
    lexical.save(tmp_path / "model")
    code = (
        "import sys; from plotgenre import GenreClassifier; "
        f"model = GenreClassifier.load({str(tmp_path / 'model')!r}); "
        f"print(model.explain({PLOT!r}).best.sentences_for(1)[0].text); "
        "print([name for name in ('torch', 'sklearn', 'scipy', 'onnxruntime', 'tokenizers', 'rich')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, loaded = done.stdout.splitlines()
    assert text in (GHOST, TAXI)
    assert loaded == "[]"
