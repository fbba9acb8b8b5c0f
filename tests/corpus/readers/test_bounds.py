"""What a small file may unpack to: rows, pages, lists and whole tables have a most."""

import gzip
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre.corpus.readers import parquet, read_corpus, sources
from plotgenre.corpus.readers.parquet_pages import pages
from plotgenre.corpus.readers.rows import Row, iter_rows
from plotgenre.corpus.readers.sources import Source, format_by_ending
from plotgenre.errors import CorpusError
from plotgenre.texts import LONGEST_ROW

LONG = LONGEST_ROW + 2_000_000


def rows(path):
    return list(iter_rows(Source(path, path.name), format_by_ending(path.name)))


def peak(work):
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("t.jsonl.gz", '{"plot": "one"}\n{"plot": "', '"}\n{"plot": "three"}\n'),
        ("t.csv.gz", "plot,n\none,1\n", ",2\nthree,3\n"),
        ("quoted.csv.gz", 'plot,n\none,1\n"', '",2\nthree,3\n'),
        ("mac.csv.gz", "plot,n\rone,1\r", ",2\rthree,3\r"),
        ("t.tsv.gz", "plot\tn\none\t1\n", "\t2\nthree\t3\n"),
    ],
)
def test_a_row_of_too_many_bytes_is_read_over(tmp_path, name, before, after):
    path = tmp_path / name
    with gzip.open(path, "wt", compresslevel=1, newline="") as file:
        file.write(before)
        for _ in range(LONG // 2_000_000):
            file.write("a" * 2_000_000)
        file.write(after)
    found = rows(path)
    assert found[0].values["plot"] == "one"
    assert "more than 16,777,216 bytes, which is the most of a row" in str(found[1].error)
    assert not found[1].values
    assert found[-1].values["plot"] == "three"
    with pytest.raises(CorpusError, match="more than 16,777,216 bytes"):
        read_corpus(path, labelled=False)


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_a_line_without_end_is_not_kept(tmp_path, end):
    path = tmp_path / "t.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(f"{{}}{end}".encode())
        for _ in range(100):
            file.write(b"a" * 1_000_000)
    (_, found), memory = peak(lambda: rows(path))
    assert found.error
    assert memory < 4 * LONGEST_ROW


def write(path, table, **options):
    # Without arrow's own types, which would keep texts in their dictionaries when they are read.
    pq.write_table(table, path, compression="zstd", store_schema=False, **options)
    return path


def looked_up(value, times):
    return pa.DictionaryArray.from_arrays(pa.array([0] * times, pa.int32()), pa.array([value]))


def list_of(items):
    return pa.ListArray.from_arrays([0, len(items)], items)


@pytest.fixture
def bounds(monkeypatch):
    """A tenth of the bounds, for tests that do not take long."""
    for name in ("_LARGEST_PAGE", "_LARGEST_LISTS", "_LARGEST_BATCH"):
        monkeypatch.setattr(parquet, name, getattr(parquet, name) // 10)


@pytest.fixture
def arrow_memory():
    """A pool that all of arrow's memory comes from meanwhile."""
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    yield pool
    pa.set_memory_pool(before)


def bombs():
    return {
        "a page": (pa.array(["a" * 8_000_000]), {"use_dictionary": False}),
        "a dictionary": (looked_up("b" * 7_000_000, 3), {}),
        "a list of nulls": (list_of(pa.nulls(8_000_000, pa.int8())), {}),
        "a list of one text": (list_of(looked_up("b" * 100_000, 100_000)), {}),
    }


@pytest.mark.parametrize("name", bombs())
def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path, bounds, arrow_memory, name):
    column, options = bombs()[name]
    plots = pa.array(["a ghost"] * len(column))
    path = write(tmp_path / "t.parquet", pa.table({"plot": plots, "other": column}), **options)
    assert path.stat().st_size < 100_000
    pa.set_memory_pool(arrow_memory)
    with pytest.raises(CorpusError, match=r"t\.parquet.* unpacks to") as refused:
        rows(path)
    assert arrow_memory.max_memory() < 10_000_000
    assert str(refused.value).count("\n") == 0
    # A column that nobody reads is no matter.
    assert read_corpus(path, labelled=False).plots == ["a ghost"] * len(column)


def test_texts_in_lists_that_begin_alike_are_counted_whole(tmp_path, monkeypatch):
    texts = ["c" * 1_000 + str(i) for i in range(3_000)]
    encoding = {"genres.list.element": "DELTA_BYTE_ARRAY"}
    table = pa.table({"plot": ["a ghost"], "genres": list_of(pa.array(texts))})
    path = tmp_path / "t.parquet"
    write(path, table, use_dictionary=False, column_encoding=encoding)
    assert rows(path) == [Row(1, {"plot": "a ghost", "genres": texts})]
    monkeypatch.setattr(parquet, "_LARGEST_LISTS", 2_000_000)
    with pytest.raises(CorpusError, match=r"'genres\.list\.element' unpacks to more"):
        rows(path)


def test_texts_that_are_looked_up_are_counted_as_often_as_they_are_meant(tmp_path, monkeypatch):
    table = pa.table({"plot": looked_up("b" * 100_000, 2_000)})
    path = write(tmp_path / "t.parquet", table)
    assert len(rows(path)) == 2_000
    assert len(read_corpus(path, labelled=False)) == 2_000
    monkeypatch.setattr(parquet, "_TABLE", (100_000_000, 100))
    with pytest.raises(CorpusError, match="many times its bytes"):
        read_corpus(path, labelled=False)
    monkeypatch.setattr(parquet, "_STREAM", (100_000_000, 1000))
    with pytest.raises(CorpusError, match="many times its bytes"):
        rows(path)


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY"])
def test_rows_at_once_take_no_more_than_a_batch_may(tmp_path, monkeypatch, encoding):
    monkeypatch.setattr(parquet, "_LARGEST_BATCH", 2_000_000)
    texts = ["d" * 100_000 + str(i % 3) for i in range(60)]
    own = (
        {"use_dictionary": ["plot"]}
        if encoding == "RLE_DICTIONARY"
        else {
            "use_dictionary": False,
            "column_encoding": {"plot": encoding},
        }
    )
    path = write(tmp_path / "t.parquet", pa.table({"plot": texts}), write_batch_size=1, **own)
    seen = []
    whole = parquet._unpacked
    monkeypatch.setattr(parquet, "_unpacked", lambda batch: seen.append(len(batch)) or whole(batch))
    assert [row.values["plot"] for row in rows(path)] == texts
    assert max(seen) <= 20


def test_a_row_of_parquet_may_have_too_many_bytes(tmp_path):
    path = write(tmp_path / "t.parquet", pa.table({"plot": ["one", "a" * LONG, "three"]}))
    first, second, third = rows(path)
    assert (first.values, third.values) == ({"plot": "one"}, {"plot": "three"})
    assert "more than 16,777,216 bytes" in str(second.error)
    assert not second.values


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_pages_say_what_the_footer_does(tmp_path, version, compression):
    path = tmp_path / "t.parquet"
    table = pa.table(
        {
            "plot": [f"plot {i} " * 30 for i in range(5_000)],
            "year": [None, 1999] * 2_500,
            "genres": [["Drama"] * (i % 4) for i in range(5_000)],
            "long": ["x" * 5_000] * 4_999 + ["y" * 2_000],
        }
    )
    options = {"data_page_version": version, "compression": compression}
    pq.write_table(table, path, row_group_size=2_000, data_page_size=10_000, **options)
    told = pq.read_metadata(path)
    with path.open("rb") as file:
        for group in range(told.num_row_groups):
            for i in range(told.num_columns):
                chunk = told.row_group(group).column(i)
                found = list(pages(file, chunk))
                assert sum(page.values for page in found) == chunk.num_values
                whole = sum(page.bytes for page in found)
                # The footer counts the headers too.
                assert chunk.total_uncompressed_size * 0.5 < whole
                assert whole <= chunk.total_uncompressed_size


def test_a_footer_that_lies_hides_no_page(tmp_path, bounds):
    path = write(
        tmp_path / "t.parquet", pa.table({"plot": ["a" * 8_000_000]}), use_dictionary=False
    )
    size = pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size
    data = path.read_bytes()
    assert data.count(_zigzag(size)) >= 1
    # As many bytes in the footer, so that nothing moves.
    lie = _zigzag(size - 6_000_000)
    path.write_bytes(data.replace(_zigzag(size), lie))
    assert pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size < 6_400_000
    with pytest.raises(CorpusError, match="'plot' unpacks to more than 6,710,886"):
        rows(path)


def _zigzag(number):
    number, data = number * 2, bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def test_a_packed_parquet_file_is_copied_up_to_a_size(tmp_path, monkeypatch):
    plain = write(tmp_path / "t.parquet", pa.table({"plot": ["a ghost"]}))
    packed = tmp_path / "t.parquet.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert rows(packed) == [Row(1, {"plot": "a ghost"})]
    monkeypatch.setattr(sources, "_LARGEST_COPY", 100)
    with pytest.raises(CorpusError, match="unpacks to more than 100 bytes; expected it without"):
        rows(packed)
