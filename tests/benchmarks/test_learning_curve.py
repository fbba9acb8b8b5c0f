"""The learning curve: shares of train within one another, passes counted in tokens."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope="module")
def room(film_lists, tmp_path_factory):
    room = tmp_path_factory.mktemp("curve")
    plots, genres = film_lists
    for side, own in (("train", slice(0, 60)), ("validation", slice(60, 90))):
        ids = [f"{side}-{i}" for i in range(len(plots[own]))]
        table = pa.table({"id": ids, "plot": plots[own], "genres": genres[own]})
        pq.write_table(table, room / f"{side}.parquet")
    return room


def test_a_share_lies_within_the_next_and_keeps_all_genres(room):
    from ablations import Films, scored_genres

    half, quarter = (Films(room, room / "s", room / "r", share) for share in (0.5, 0.25))
    assert (len(half.train), len(quarter.train)) == (30, 15)
    assert set(quarter.train.ids) < set(half.train.ids)
    whole = Films(room, room / "s", room / "r")
    for one in (half, quarter):
        assert one.genres == whole.genres
        np.testing.assert_array_equal(scored_genres(one)[0], scored_genres(whole)[0])


def test_passes_are_tokens_read_by_tokens_there(ablation_log):
    from learning_curve import passes

    assert [one["passes"] for one in passes(ablation_log, 1000)] == pytest.approx([0, 0.5, 1.5])


@pytest.fixture
def ablation_log():
    scores = {"loss": 0.1, "micro_f1": 0.2, "macro_average_precision": 0.3}
    evaluations = [
        {"step": step, "seconds": seconds, "tokens_per_second": speed, "validation": scores}
        for step, seconds, speed in ((0, 10.0, 0.0), (5, 60.0, 10.0), (20, 160.0, 10.0))
    ]
    return {"evaluations": evaluations}
