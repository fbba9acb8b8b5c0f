"""Experiments: what lies in the folder, resuming, and scores that leaving genres out cannot buy."""

import json

import numpy as np
import pytest

from plotgenre import Corpus, GenreClassifier, Recipe, run_experiment
from plotgenre.branches.branch import Progress
from plotgenre.errors import ArtefactError, CorpusError, InputError
from plotgenre.evaluation.evaluation import Evaluation
from plotgenre.evaluation.scores import Scores
from plotgenre.experiment import (
    compare_runs,
    evaluate_classifier,
    history_beside,
    score_classifier,
)


@pytest.fixture(scope="session")
def corpus(film_lists) -> Corpus:
    return Corpus.from_lists(*film_lists)


def files(folder):
    return {path.name for path in folder.iterdir()}


def test_without_a_split(corpus, film_recipe, tmp_path):
    done = run_experiment(film_recipe, corpus, tmp_path / "out")
    assert files(tmp_path / "out") == {
        "checkpoints",
        "model",
        "recipe.toml",
        "history.json",
        "history.png",
        "scores.safetensors",
    }
    assert Recipe.load(tmp_path / "out" / "recipe.toml") == film_recipe
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert history == done.classifier.history_.as_dict()
    assert (tmp_path / "out" / "history.png").read_bytes()[:4] == b"\x89PNG"
    assert {"evaluation.json", "README.md"} <= files(tmp_path / "out" / "model")
    stored = json.loads((tmp_path / "out" / "model" / "evaluation.json").read_text())
    assert Evaluation.from_dict(stored).as_dict() == done.evaluation.as_dict()
    # A tenth of 90 films is for the test, a quarter for validation.
    assert 5 <= done.evaluation.films <= 13
    assert 50 <= len(done.chosen.corpus) <= 66
    loaded = GenreClassifier.load(tmp_path / "out" / "model")
    P = done.classifier.predict_proba(corpus.plots)
    np.testing.assert_array_equal(loaded.predict_proba(corpus.plots), P)


def test_words_alone_leave_no_history_of_another_run(corpus, film_recipe, words_recipe, tmp_path):
    run_experiment(film_recipe, corpus, tmp_path)
    assert history_beside(tmp_path / "model") is not None
    done = run_experiment(words_recipe, corpus, tmp_path)
    assert files(tmp_path) == {"checkpoints", "model", "recipe.toml", "scores.safetensors"}
    assert history_beside(tmp_path / "model") is None
    assert done.evaluation.metrics["micro_f1"].value > 0.3
    assert "encoder" not in (tmp_path / "model" / "README.md").read_text()


def test_with_a_given_split(corpus, given_recipe, tmp_path):
    train, validation, test = (corpus.take(range(a, b)) for a, b in ((0, 50), (50, 70), (70, 90)))
    done = run_experiment(given_recipe, train, tmp_path, validation=validation, test=test)
    assert len(done.chosen.corpus) == 50
    assert done.chosen.left_out == {"Opera": 3}
    assert done.evaluation.films == 20
    assert done.evaluation.metrics["micro_f1"].value > 0.5


def test_runs_compare_as_their_models_do(corpus, given_recipe, tmp_path):
    quick = given_recipe.with_settings({"training.max_epochs": 2})
    done = {
        name: run_experiment(recipe, corpus, tmp_path / name, validation=corpus, test=corpus)
        for name, recipe in (("whole", given_recipe), ("quick", quick))
    }
    found = compare_runs([tmp_path / "whole", str(tmp_path / "quick")])
    assert found.runs == ("whole", "quick")
    for metrics, one in zip(found.metrics, done.values(), strict=True):
        assert metrics["micro_f1"] == one.evaluation.metrics["micro_f1"]
        ours, theirs = (m["macro_average_precision"] for m in (metrics, one.evaluation.metrics))
        # Probabilities were rounded to float16.
        assert ours.value == pytest.approx(theirs.value, abs=1e-2)
    opera = next(row for row in found.per_genre if row.genre == "Opera")
    assert (opera.support, opera.f1) == (3, (0, 0))
    with pytest.raises(InputError, match="different names"):
        compare_runs([tmp_path / "whole", tmp_path / "whole"])


def test_runs_of_one_name_go_by_their_paths(fitted, corpus, tmp_path):
    for name in ("a", "b"):
        score_classifier(fitted, corpus).scores().save(tmp_path / name / "run")
    folders = [str(tmp_path / name / "run") for name in ("a", "b")]
    assert compare_runs(folders).runs == tuple(folders)


def test_scores_of_an_earlier_run_do_not_stay(corpus, given_recipe, tmp_path):
    run_experiment(given_recipe, corpus, tmp_path, validation=corpus, test=corpus)
    assert "scores.safetensors" in files(tmp_path)
    run_experiment(given_recipe, corpus, tmp_path, validation=corpus)
    assert "scores.safetensors" not in files(tmp_path)


def test_validation_without_test_scores_nothing(corpus, given_recipe, tmp_path):
    done = run_experiment(given_recipe, corpus, tmp_path, validation=corpus)
    assert done.evaluation is None
    assert "evaluation.json" not in files(tmp_path / "model")


def test_a_given_test_is_not_split_off(corpus, film_recipe, tmp_path):
    train, test = corpus.take(range(60)), corpus.take(range(60, 90))
    done = run_experiment(film_recipe, train, tmp_path, test=test)
    assert done.evaluation.films == 30
    assert 40 <= len(done.chosen.corpus) <= 50


def test_split_without_validation_is_refused(corpus, film_recipe, tmp_path):
    recipe = film_recipe.with_settings({"split.validation": 0.0})
    with pytest.raises(CorpusError, match=r"split\.validation is 0"):
        run_experiment(recipe, corpus, tmp_path)


def test_resumes_after_an_interrupt(corpus, film_recipe, tmp_path):
    recipe = film_recipe.with_settings({"head.dropout": 0.3})
    whole = run_experiment(recipe, corpus, tmp_path / "whole")

    def stop(scores) -> None:
        if scores.epoch == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(recipe, corpus, tmp_path / "cut", progress=Progress(epoch=stop))
    assert files(tmp_path / "cut") == {"checkpoints"}
    heard = []
    resumed = run_experiment(
        recipe, corpus, tmp_path / "cut", progress=Progress(epoch=lambda s: heard.append(s.epoch))
    )
    assert heard[0] == 7
    ours, theirs = (run.classifier.branches_["semantic"].tensors() for run in (resumed, whole))
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])
    np.testing.assert_array_equal(resumed.classifier.thresholds_, whole.classifier.thresholds_)


def test_other_settings_do_not_resume(corpus, film_recipe, tmp_path):
    run_experiment(film_recipe, corpus, tmp_path)
    other = film_recipe.with_settings({"training.learning_rate": 0.01})
    with pytest.raises(InputError, match=r"training\.learning_rate was 0\.02 there"):
        run_experiment(other, corpus, tmp_path)


def test_left_out_genres_count_with_probability_zero(fitted, corpus):
    evaluation = evaluate_classifier(fitted, corpus)
    opera = next(row for row in evaluation.per_genre if row.genre == "Opera")
    assert (opera.train_films, opera.support, opera.predicted) == (2, 3, 0)
    assert (opera.f1, opera.recall, opera.threshold) == (0, 0, 1)
    # Of equal probabilities, 3 films of 90 have an average precision of 3/90.
    assert opera.average_precision == pytest.approx(3 / 90)
    D = fitted.predict_proba(corpus.plots) >= fitted.thresholds_
    Y = corpus.with_genres(fitted.classes_).Y
    micro_f1 = 2 * (D & Y).sum() / (D.sum() + Y.sum() + 3)
    assert evaluation.metrics["micro_f1"].value == pytest.approx(micro_f1)


@pytest.mark.parametrize(
    "policy", [{"top_k": 1}, {"at_least_one": True, "scope": "fixed", "value": 0.97}]
)
def test_what_is_scored_is_what_is_predicted(film_lists, film_recipe, corpus, policy):
    settings = {f"thresholds.{name}": value for name, value in policy.items()}
    recipe = film_recipe.with_settings(settings | {"training.max_epochs": 3})
    model = GenreClassifier(recipe).fit(*film_lists)
    scored = score_classifier(model, corpus)
    predicted = Corpus.from_lists(corpus.plots, model.predict(corpus.plots))
    D = predicted.with_genres(scored.films.genres).Y
    assert (scored.D == D).all()
    by_thresholds = np.greater_equal(scored.P, scored.thresholds)
    assert (by_thresholds != scored.D).any()
    assert (D.sum(axis=1) == 1).any()
    evaluation, kept = scored.evaluate(), scored.scores()
    assert [row.predicted for row in evaluation.per_genre] == D.sum(axis=0).tolist()
    assert (kept.D == D).all()
    assert model.score(corpus.plots, corpus.genre_lists()) > 0


def test_evaluation_applies_the_models_merges(film_lists, film_recipe, corpus):
    recipe = film_recipe.with_settings({"genres.merges": {"Horror": ["Scary"]}})
    model = GenreClassifier(recipe).fit(*film_lists)
    renamed = corpus.with_targets(
        ["Scary" if name == "Horror" else name for name in corpus.genres], corpus.Y
    )
    ours, theirs = evaluate_classifier(model, renamed), evaluate_classifier(model, corpus)
    assert ours.as_dict() == theirs.as_dict()


def test_groups_reach_train_validation_and_test(film_lists, film_recipe, corpus, tmp_path):
    groups = {"Fear": ["Horror", "War"], "Song": ["Opera", "War"]}
    recipe = film_recipe.with_settings({"genres.groups": groups, "training.max_epochs": 3})
    done = run_experiment(recipe, corpus, tmp_path / "run", test=corpus)
    assert list(done.classifier.classes_) == ["Fear", "Song"]
    scored = Scores.load(tmp_path / "run")
    war = corpus.Y[:, corpus.genres.index("War")]
    assert war.any()
    assert scored.Y[war].all()
    assert done.classifier.score(*film_lists) > 0.3


def test_a_test_without_known_genres_is_refused_before_training(corpus, film_recipe, tmp_path):
    strangers = Corpus.from_lists(["a plot"], [["Elsewhere"]])
    with pytest.raises(CorpusError, match="has a genre that the model knows"):
        run_experiment(film_recipe, corpus, tmp_path, test=strangers)
    assert not files(tmp_path)


def test_evaluation_needs_a_genre_in_common(fitted):
    strangers = Corpus.from_lists(["a plot"], [["Elsewhere"]])
    with pytest.raises(CorpusError, match="none of the 1 films has a genre that the model knows"):
        evaluate_classifier(fitted, strangers)


def test_report_covers_every_genre_of_train(fitted, corpus, tmp_path):
    scored = score_classifier(fitted, corpus)
    evaluation = scored.evaluate()
    assert evaluation.genres == scored.films.genres == tuple(fitted.train_films_)
    scored.write_report(evaluation, tmp_path / "report.html", fitted.history_)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(f"<bdi>{genre}</bdi>" in page for genre in fitted.train_films_)
    assert f"The weights of epoch {fitted.history_.best_epoch} were kept" in page


def test_the_history_is_found_beside_the_model(fitted, tmp_path):
    assert history_beside(tmp_path / "model") is None
    beside = tmp_path / "history.json"
    beside.write_text(json.dumps(fitted.history_.as_dict()), encoding="utf-8")
    assert history_beside(tmp_path / "model") == fitted.history_
    beside.write_text("{", encoding="utf-8")
    with pytest.raises(ArtefactError, match=r"history\.json"):
        history_beside(tmp_path / "model")
