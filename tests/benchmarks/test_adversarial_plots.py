"""The plots have the length that they are asked for, and the table has a row for each."""


def test_a_plot_has_its_length_and_letters() -> None:
    import adversarial_plots

    for piece in adversarial_plots.PIECES.values():
        plot = adversarial_plots.plot(piece, 1_000)
        assert len(plot) == 1_000
        # As often as it fits between two letters, the last one perhaps cut.
        assert plot.count(piece) >= 998 // len(piece) - 1
        assert plot.strip() == plot


def test_the_table_has_all_that_was_measured() -> None:
    import adversarial_plots

    ways = {"fast": [0.1, 0.4], "whole": [1, 4], "explain": [2, 8]}
    found = {
        "seconds": {"prose": ways, "digits": ways},
        "huge": {"prose, 1,000,000": [0.5, 0.6]},
        "peak_mb": {"loaded": 1_200},
    }
    lines = adversarial_plots.table(found).splitlines()
    assert "| digits | 0.100 | 0.400 | 1.000 | 4.000 | 8.000 |" in lines
    assert "| prose, 1,000,000 | 0.500 | 0.600 |" in lines
    assert lines[-1] == "Peak memory of the process, after: loaded 1,200 MB."
