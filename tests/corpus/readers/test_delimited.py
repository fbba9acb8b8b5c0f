import csv
import io

import pytest

from plotgenre.corpus.readers.delimited import (
    Dialect,
    guess_delimiter,
    looks_onehot,
    read_delimited,
)
from plotgenre.errors import CorpusError


def lines(data: bytes) -> list[str]:
    return list(io.StringIO(data.decode(), newline="\n"))


def rows(data: bytes, dialect: Dialect | None = None) -> list[tuple]:
    table = read_delimited(lines(data), "t", dialect or Dialect())
    return list(zip(table.rows, *table.columns.values(), strict=True))


def test_quotes_hold_delimiters_line_ends_and_doubled_quotes():
    assert rows(b'a,b\n"x, y\r\nz","say ""hi"""\n') == [(1, "x, y\r\nz", 'say "hi"')]


def test_blank_records_are_left_out_but_counted():
    assert rows(b"a,b\n1,2\n\n3,4\n,\n\n") == [(1, "1", "2"), (3, "3", "4")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a,b,c\n1,2,3\n1,2\n", r"t, row 2 after the header \(from line 3\) has 2 columns; .* 3"),
        (b"a,b,c\n1,2,3\n1,2,3,4\n", r"row 2 after the header \(from line 3\) has 4 columns"),
        (b'a,b,c\n"1\n1",2,3\n\n1\n', r"row 3 after the header \(from line 5\) has 1 column;"),
        (b'a,b\n1,2\n3,"4\n5,6\n', r"row 2 after the header \(from line 3\): unexpected end"),
    ],
)
def test_ragged_records_are_found(data, message):
    with pytest.raises(CorpusError, match=message):
        rows(data)


def test_without_header_rows_count_from_the_first():
    assert rows(b"1,2\n3,4\n", Dialect(header=False)) == [(1, "1", "2"), (2, "3", "4")]
    with pytest.raises(CorpusError, match=r"t, row 2 \(from line 2\) has 1 column; expected 2"):
        rows(b"1,2\n3\n", Dialect(header=False))


def test_empty_last_fields_are_no_missing_fields():
    assert rows(b'a,b\n1,\n2,""\n') == [(1, "1", None), (2, "2", "")]


def test_a_plot_longer_than_the_csv_module_allows_is_looked_at_too():
    limit = csv.field_size_limit()
    long = b"w" * (limit + 1)
    assert rows(b"a,b\n" + long + b",\n")[0][2] is None
    with pytest.raises(CorpusError, match=r"row 2 .* has 1 column"):
        rows(b"a,b\n" + long + b",1\n2\n")
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("data", "delimiter"),
    [
        (b"id,plot,genres\n", ","),
        (b"id;plot;genres\n1;a, b, c, d;x\n", ";"),
        (b"id\tplot, long\tgenres\n", "\t"),
        (b"id|plot|genres\n", "|"),
        (b"plot\n", ","),
        (b"one; two; three; four,1\n", ","),
        (b'"a,b;c",1,0\n', ","),
    ],
)
def test_the_delimiter_is_guessed_from_the_first_record(data, delimiter):
    assert guess_delimiter(lines(data)) == delimiter


@pytest.mark.parametrize(
    ("data", "onehot"),
    [
        (b'"A plot,\nlong",0,1,0\n', True),
        (b"A plot,0.0,1.0\r\n", True),
        (b"A plot,True,false\n", True),
        (b"A plot;0;1\n", True),
        (b"plot,Drama,Comedy\n", False),
        (b"A plot,0,2\n", False),
        (b"A plot\n", False),
        (b"", False),
    ],
)
def test_onehot_tables_are_known_by_their_first_record(data, onehot):
    assert looks_onehot(lines(data)) is onehot


def test_all_columns_have_names_and_those_kept_have_values():
    table = read_delimited(lines(b"a,b,a\n1,2,3\n"), "t", Dialect(), lambda name: name != "b")
    assert table.names == ["a", "b", "a_2"]
    assert table.columns == {"a": ["1"], "a_2": ["3"]}


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        (b',"",', (None, "", None)),
        (b'"",,""', ("", None, "")),
        (b'"a,"",""b",,""', ('a,","b', None, "")),
        (b'"x\n"",""\n",,c""', ('x\n","\n', None, 'c""')),
    ],
)
def test_only_fields_without_quotes_are_null(record, fields):
    assert rows(b"a,b,c\n" + record + b"\n") == [(1, *fields)]
    assert rows(b"a|b|c\n" + record.replace(b",", b"|"), Dialect("|"))[0][2] == fields[1]


def test_a_field_that_goes_on_after_its_quote_is_refused():
    with pytest.raises(CorpusError, match=r"row 1 .*\(from line 2\): ',' expected after '\"'; "):
        rows(b'a,b\n"x"y,2\n')
    assert rows(b'a,b\nx "y",2\n') == [(1, 'x "y"', "2")]
