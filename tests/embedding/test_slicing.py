import numpy as np
import pytest
from pydantic import ValidationError
from tokenizers import Tokenizer

from plotgenre.embedding.encoders.tokens import TokenReader
from plotgenre.embedding.slicing import Slicing, slice_plots
from plotgenre.errors import RecipeError

WAYS = ["start", "start_end", "windows"]
BUDGET = 24
WORDS = ["detective", "harbour", "love", "ship", "ghost", "the", "of", "a", "war", "town", "alien"]


class OneTokenAWord:
    """Every word between spaces is a token, so that windows can be counted by hand."""

    def token_spans(self, texts: list[str]) -> list[np.ndarray]:
        return [self._spans(text) for text in texts]

    def _spans(self, text: str) -> np.ndarray:
        starts = np.cumsum([0] + [len(word) + 1 for word in text.split(" ")])[:-1]
        pairs = [(s, s + len(w)) for s, w in zip(starts, text.split(" "), strict=True) if w]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)


class RealTokens:
    """What slicing sees of an encoder with this tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.token_spans = TokenReader(tokenizer, "", 512).spans


@pytest.fixture(params=["wordpiece", "byte_level"])
def reader(request: pytest.FixtureRequest) -> RealTokens:
    return RealTokens(request.getfixturevalue(request.param))


def random_plot(seed: int) -> str:
    rng = np.random.default_rng(seed)
    long = "".join(rng.choice(list("abcdefgh"), 90))
    rare = ["🦊", "👩‍👩‍👧", "電影の夜", "naïve", long, "\n\n", "…", "!!!", "'tis", "ß"]
    joints = np.array([" ", " ", " ", ". ", "? ", "  ", "\n", ""])
    words = rng.choice(np.array(WORDS * 3 + rare), rng.integers(1, 150))
    return "".join(w + j for w, j in zip(words, rng.choice(joints, len(words)), strict=True))


def cut(plot: str, tokenizer: object, limit: int = BUDGET, **settings: object) -> list[str]:
    (slices,) = slice_plots([plot], Slicing(**{"overlap": 4, **settings}), tokenizer, limit)
    return slices


def words(count: int) -> str:
    return " ".join(f"w{i}" for i in range(count))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("plot", ["", " ", "\n\t \u00a0", "\n" * 500, "a", "🦊"], ids=range(6))
def test_every_plot_has_at_least_one_slice(way: str, plot: str, reader: RealTokens) -> None:
    assert cut(plot, reader, way=way) == [plot.strip()]


@pytest.mark.parametrize("way", WAYS)
def test_a_plot_within_the_budget_stays_whole(way: str) -> None:
    assert cut(f"  {words(24)} ", OneTokenAWord(), way=way) == [words(24)]


def test_start_keeps_the_first_tokens() -> None:
    assert cut(words(100), OneTokenAWord(), way="start") == [words(24)]


def test_start_end_keeps_both_ends_within_the_budget() -> None:
    # 24 tokens less one for the joint: eleven from each end.
    (slice_,) = cut(words(100), OneTokenAWord(), way="start_end")
    expected = [f"w{i}" for i in (*range(11), "…", *range(89, 100))]
    assert slice_.split() == [word if word != "w…" else "…" for word in expected]


def test_windows_overlap_by_the_asked_tokens() -> None:
    slices = cut(words(60), OneTokenAWord(), way="windows", overlap=4)
    numbers = [[int(word[1:]) for word in one.split()] for one in slices]
    assert [(n[0], n[-1]) for n in numbers] == [(0, 23), (20, 43), (40, 59)]


def test_windows_without_overlap_partition_the_plot() -> None:
    assert " ".join(cut(words(100), OneTokenAWord(), overlap=0)) == words(100)


def test_the_cap_keeps_the_first_and_the_last_window() -> None:
    every = cut(words(1000), OneTokenAWord(), max_slices=10_000)
    kept = cut(words(1000), OneTokenAWord(), max_slices=4)
    assert len(kept) == 4
    assert (kept[0], kept[-1]) == (every[0], every[-1])
    places = [every.index(one) for one in kept]
    assert np.ptp(np.diff(places)) <= 1


def test_a_cap_of_one_keeps_the_start() -> None:
    assert cut(words(100), OneTokenAWord(), max_slices=1) == [words(24)]


def test_windows_end_with_a_sentence_where_one_ends_in_their_second_half() -> None:
    plot = f"{words(17)}. {words(5)} {words(60)}"
    slices = cut(plot, OneTokenAWord())
    assert slices[0] == f"{words(17)}."


def test_a_sentence_that_ends_early_does_not_shorten_the_window() -> None:
    assert cut(f"{words(3)}. {words(60)}", OneTokenAWord())[0] == f"{words(3)}. {words(21)}"


def test_sentences_end_at_sentence_ends_of_real_tokenizers(
    reader: RealTokens, sentences: list[str]
) -> None:
    slices = cut(" ".join(sentences), reader, limit=40, overlap=0)
    assert all(one.endswith((".", "!")) for one in slices)
    assert " ".join(slices) == " ".join(sentences)


@pytest.mark.parametrize("overlap", [0, 1, 11, 12])
def test_every_overlap_up_to_half_the_budget_moves_on(overlap: int, reader: RealTokens) -> None:
    for plot in (words(200), "x" * 3000, "🦊" * 300, "電影" * 300, "a. " * 300):
        slices = cut(plot, reader, overlap=overlap, max_slices=100_000)
        assert slices
        assert len(slices) < 4000


def test_more_overlap_than_half_the_budget_is_refused(reader: RealTokens) -> None:
    with pytest.raises(RecipeError, match="overlap is 13, but must be at most half of the 24"):
        cut("a", reader, overlap=13)


@pytest.mark.parametrize("limit", [-3, 0, 3])
def test_an_encoder_without_room_for_text_is_refused(limit: int, reader: RealTokens) -> None:
    with pytest.raises(RecipeError, match=f"reads {limit} tokens of a text"):
        cut("a", reader, limit=limit, overlap=0)


def test_a_joint_without_room_beside_it_is_refused(byte_level: Tokenizer) -> None:
    with pytest.raises(RecipeError, match="start_end needs at least"):
        cut("a", RealTokens(byte_level), way="start_end", tokens=4)


@pytest.mark.parametrize("wrong", [{"tokens": 3}, {"overlap": -1}, {"max_slices": 0}, {"size": 1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Slicing(**wrong)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(30))
def test_random_plots(way: str, seed: int, reader: RealTokens) -> None:
    plot = random_plot(seed)
    slices = cut(plot, reader, way=way, max_slices=100_000)
    lengths = [len(spans) for spans in reader.token_spans(slices)]
    assert slices
    # Cut inside a word or without the space before it, a word may split into other tokens.
    assert max(lengths) <= BUDGET + 2
    assert all(one == one.strip() for one in slices)
    if way != "start_end":
        assert all(one in plot for one in slices)
    if plot.strip():
        assert all(slices)
    if way == "windows":
        _assert_in_order_without_gaps(plot, slices)


def _assert_in_order_without_gaps(plot: str, slices: list[str]) -> None:
    """Between the furthest end so far and the next slice's begin there may be space only."""
    reached = 0
    for one in slices:
        furthest = reached + len(plot[reached:]) - len(plot[reached:].lstrip())
        # A slice's text may stand at several places: take the last one that leaves no gap.
        begin = plot.rfind(one, 0, furthest + len(one))
        assert begin >= 0
        reached = max(reached, begin + len(one))
    assert not plot[reached:].strip()


@pytest.mark.parametrize(
    "plot", ["x" * 3000, "🦊" * 300, "👩‍👩‍👧" * 100, "電影の夜" * 200, "ß" * 500]
)
@pytest.mark.parametrize("way", WAYS)
def test_texts_without_spaces_are_cut_between_characters(
    plot: str, way: str, reader: RealTokens
) -> None:
    slices = cut(plot, reader, way=way, overlap=0, max_slices=100_000)
    if way == "windows":
        assert "".join(slices) == plot
    elif len(reader.token_spans([plot])[0]) > BUDGET:
        # No border anywhere: at least half of the budget is used all the same.
        assert len(reader.token_spans(slices)[0]) > BUDGET // 2 - 1
    assert max(len(spans) for spans in reader.token_spans(slices)) <= BUDGET + 1


@pytest.mark.parametrize("way", ["start", "start_end"])
def test_one_early_space_does_not_cost_the_rest(way: str, reader: RealTokens) -> None:
    (slice_,) = cut("A " + "電影の夜" * 100 + " Z", reader, way=way)
    assert len(reader.token_spans([slice_])[0]) > BUDGET // 2


def test_windows_of_nothing_but_space_are_left_out(byte_level: Tokenizer) -> None:
    slices = cut("a" + "\n" * 400 + "b", RealTokens(byte_level), max_slices=100_000)
    assert all(slices)
    assert (slices[0][0], slices[-1][-1]) == ("a", "b")


def test_a_lone_surrogate_becomes_a_question_mark(reader: RealTokens) -> None:
    assert cut("a \ud800 b", reader) == ["a ? b"]
