"""The command killed as a machine kills it, at random moments, and begun again: every row once."""


def test_no_row_is_lost_and_none_is_twice(tmp_path):
    from kill_and_resume import killed

    said = []
    outcome = killed(tmp_path, kills=8, rows=2000, seed=1, say=said.append)
    assert (outcome.lost, outcome.twice, outcome.other) == (0, 0, 0)
    assert outcome.kills == len(said) == 8
    # Into a file and into a folder; and not always before the first part.
    assert outcome.rounds >= 2
    assert sum("0 of 50" not in line for line in said) >= 4
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_what_is_lost_twice_and_other_is_counted():
    from kill_and_resume import differences

    expected = [f'{{"id": {i}, "genres": ["Drama"]}}' for i in range(4)]
    found = [expected[0], expected[0], expected[2].replace("Drama", "War"), expected[3]]
    assert differences(expected, expected) == (0, 0, 0)
    assert differences(found, expected) == (1, 1, 1)
