import json

from plotgenre.corpus.account import Account, UnknownName
from plotgenre.corpus.films import Corpus
from plotgenre.corpus.labels import labels_of

FILMS = Corpus.from_lists(
    ["a", "b", "c", "d"],
    [["Romance", "drama"], ["Romance", "Horor"], ["Drama"], []],
)
VOCABULARY = ["Drama", "Horror", "Romance Film", "Western"]


def account(tags=None, shared=None) -> Account:
    return Account.of(FILMS, labels_of(FILMS, vocabulary=VOCABULARY), tags, shared)


def test_every_label_is_counted():
    found = account()
    assert (found.films, found.without_label) == (4, 1)
    assert (found.labels, found.known) == (5, 2)
    assert found.respelled == {"drama": "Drama"}
    # By its words, by its letters.
    assert found.unknown == (
        UnknownName("Romance", 2, "Romance Film"),
        UnknownName("Horor", 1, "Horror"),
    )


def test_genres_that_no_film_has_and_their_tags():
    found = account(tags={"Drama": 3, "Horror": 2, "Romance Film": 0, "Western": 5})
    assert found.untested == {"Horror": 2, "Romance Film": 0, "Western": 5}
    assert "3 genres have no film here; 7 tags count as wrong." in found.sentences()


def test_what_it_says():
    said = account(shared={"train": 2, "validation": 0}).sentences()
    assert said == [
        "Of 4 films, 2 are train films too: scores are too good.",
        "1 film without a label: each tag of theirs counts as wrong.",
        "1 name was read as another spelling: 'drama' as 'Drama'.",
        "3 of 5 labels are not genres of the model, so it misses them: Romance (2 films; the "
        "nearest genre is Romance Film), Horor (1 film; the nearest genre is Horror).",
        "Only 40% of the labels are genres of the model: these scores are mostly about names. "
        "Give the table the model's names, or train on it.",
    ]


def test_films_that_fit_need_no_words():
    films = Corpus.from_lists(["a", "b"], [["Drama"], ["Horror"]])
    labels = labels_of(films, vocabulary=["Drama", "Horror"])
    assert Account.of(films, labels, {"Drama": 1, "Horror": 1}).sentences() == []


def test_what_the_groups_leave_out_is_told_but_no_fault():
    films = Corpus.from_lists(["a", "b"], [["Drama", "Indie"], ["Drama"]])
    labels = labels_of(
        films, groups={"Drama": ["Drama"]}, vocabulary=["Drama"], ungrouped=["Indie"]
    )
    found = Account.of(films, labels)
    assert found.warnings() == []
    assert found.sentences() == ["1 name was left out, as no group has them: Indie (1)."]


def test_json_and_back():
    found = account(tags={"Western": 5}, shared={"train": 1})
    assert Account.from_dict(json.loads(json.dumps(found.as_dict()))) == found
