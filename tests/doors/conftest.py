"""The command line in this process."""

import sys

import pytest

from plotgenre.doors import cli


@pytest.fixture
def main(tmp_path, monkeypatch, capsys):
    """What ``main`` says and answers in an empty folder, without a new interpreter's seconds."""

    def main(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(sys, "argv", ["plotgenre", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code
        return status, *capsys.readouterr()

    return main
