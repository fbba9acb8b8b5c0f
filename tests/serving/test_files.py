"""POST /v1/tag-file: every kind of file, rows in order, a row's errors, slow and gone clients."""

import csv
import datetime
import io
import json
from concurrent.futures import ThreadPoolExecutor
from math import isclose

import httpx
import pytest

PARQUET = "application/vnd.apache.parquet"


def delimited(table, delimiter):
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return written.getvalue().encode()


def parquet(table):
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed; extra parquet")
    from pyarrow.parquet import write_table

    written = io.BytesIO()
    write_table(pyarrow.table(table), written)
    return written.getvalue()


def json_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


KINDS = {
    "text/csv": lambda table: delimited(table, ","),
    "text/tab-separated-values": lambda table: delimited(table, "\t"),
    "application/x-ndjson": lambda table: json_lines(
        dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)
    ),
    PARQUET: parquet,
}


def send(service, content, kind="text/csv", **options):
    return service.client.post(
        "/v1/tag-file", content=content, headers={"Content-Type": kind}, **options
    )


def lines(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    head, *rows = [json.loads(line) for line in answer.text.splitlines()]
    return head, rows


@pytest.fixture(scope="module")
def table(examples):
    return {"id": examples.ids, "year": list(range(len(examples))), "plot": examples.plots}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file(service, fast_model, table, kind):
    head, rows = lines(send(service, KINDS[kind](table), kind))
    assert head == {"columns": ["id", "year", "plot"], "films": 120}
    assert [one["row"] for one in rows] == list(range(1, 121))
    assert [one["values"]["id"] for one in rows] == table["id"]
    assert not [one for one in rows if one["error"]]
    expected = fast_model.tag_many(table["plot"])
    for one, right in zip(rows, expected, strict=True):
        found = {tag["name"]: tag["probability"] for tag in one["genres"]}
        assert list(found) == list(right)
        assert all(isclose(found[name], p, abs_tol=1e-5) for name, p in right.items())


def test_rows_that_cannot_be_tagged_say_why_and_the_others_go_on(service, plot):
    long = "ghost " * 20_000
    rows = [{"plot": plot}, {"plot": "  "}, {"plot": None}, {"plot": long}, {"plot": plot}]
    _, found = lines(send(service, json_lines(rows), "application/x-ndjson"))
    assert [bool(one["genres"]) for one in found] == [True, False, False, False, True]
    assert [one["error"] is None for one in found] == [True, False, False, False, True]
    assert found[1]["error"] == "the plot is empty; expected a text"
    assert "missing" in found[2]["error"]
    assert "120,000 characters" in found[3]["error"]


def test_the_column_of_the_plot(service, table):
    content = delimited({"story" if name == "plot" else name: table[name] for name in table}, ",")
    _, rows = lines(send(service, content, params={"plot_column": "story"}))
    assert rows[0]["genres"]
    answer = send(service, content)
    assert answer.status_code == 422
    assert answer.json() == {
        "error": "the file has no column of the name given by plot_column; "
        "its columns are id, year, story"
    }


def test_values_that_json_has_none_for(service, plot):
    table = {"plot": [plot], "score": [float("nan")], "list": [[1.0, float("inf")]]}
    table["day"] = [datetime.date(2020, 1, 2)]
    _, (row,) = lines(send(service, parquet(table), PARQUET))
    values = {name: row["values"][name] for name in ("score", "list", "day")}
    assert values == {"score": None, "list": [1.0, None], "day": "2020-01-02"}


WIDE = b",".join(b"%d" % i for i in range(10_000))


@pytest.mark.parametrize(
    ("content", "kind", "status", "sentence"),
    [
        (
            b"[1]\n[2]\n", "application/x-ndjson", 422,
            "the file has no row that can be read; row 1: a JSON list; "
            "expected one object a line, which is one film",
        ),
        (
            b"id,plot\n3\n", "text/csv", 422,
            "the file has no row that can be read; "
            "row 1: the record from line 2 has 1 column; expected 2, as in the first row",
        ),
        (
            b"{}\n", "application/x-ndjson", 422,
            "the file has no row that can be read; its first row has no column",
        ),
        (
            b'"a\nb",' + b"c" * 100 + b"\nx,y\n", "text/csv", 422,
            "the file has no column of the name given by plot_column; its columns are a b, "
            + "c" * 40 + "…",
        ),
        # A row of commas would be ten times its bytes, in 80 rows at once.
        (
            WIDE + b",plot\n" + b"," * 10_000 + b"a\n", "text/csv", 413,
            "the file has more than 10,000 columns",
        ),
    ],
    ids=["lists", "short rows", "no column", "names", "wide"],
)  # fmt: skip
def test_a_file_refused_says_why(service, content, kind, status, sentence):
    answer = send(service, content, kind)
    assert (answer.status_code, answer.json()) == (status, {"error": sentence})


def test_a_plot_that_is_no_text_is_not_missing(service):
    rows = [{"plot": 7}, {"plot": ["a ghost"]}, {"other": 1}]
    _, found = lines(send(service, json_lines(rows), "application/x-ndjson"))
    assert [one["error"] for one in found] == [
        "the plot is of type int; expected a text",
        "the plot is of type list; expected a text",
        "the plot is missing; expected a text",
    ]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "text/csv", 422),
        (b"plot\n", "text/csv", 422),
        (b"PAR1 and no more", PARQUET, 422),
        (b"\x00\xff\xfe\x01", "application/x-ndjson", 422),
        (b"plot\na ghost\n", "application/zip", 415),
        (b"plot\na ghost\n", "application/json", 415),
        (b"plot\n" + b"a" * 64_000_001, "text/csv", 413),
    ],
    ids=["empty", "no row", "no Parquet", "no lines", "zip", "JSON", "huge"],
)
def test_a_file_that_is_none(service, content, kind, status):
    answer = send(service, content, kind)
    assert answer.status_code == status
    assert answer.json().keys() == {"error"}
    assert "/" not in answer.json()["error"].replace("text/", "").replace("application/", "")


def test_a_file_leaves_room_for_others(serve, gate, until, plot):
    content = ("plot\n" + f'"{plot}"\n' * 400).encode()
    # A plot is 20 tokens; a share 160, so a file may hold 8 plots in the queue.
    with serve(gate.load, queue_tokens=800, batch_tokens=100) as service:
        with ThreadPoolExecutor(2) as pool:
            file = pool.submit(send, service, content)
            until(lambda: service.service.batcher.waiting_tokens == 160)
            asked = pool.submit(service.tag, plot="a single ghost")
            until(lambda: service.service.batcher.waiting_tokens > 160)
            gate.open()
            assert asked.result().status_code == 200
            _, rows = lines(file.result())
        assert len(rows) == 400
        # Two batches were being read, and it was in the very next one, before what waited longer.
        assert "a single ghost" not in [*gate.seen[0], *gate.seen[1]]
        assert "a single ghost" in [*gate.seen[2], *gate.seen[3]]
        assert max(map(len, gate.seen)) == 5


def test_only_so_many_files_at_once(serve, gate, until, plot):
    content = ("plot\n" + f'"{plot}"\n' * 40).encode()
    with serve(gate.load, queue_tokens=100) as service, ThreadPoolExecutor(2) as pool:
        files = [pool.submit(send, service, content) for _ in range(2)]
        until(lambda: service.service.batcher.held_tokens == 40)
        assert send(service, content).status_code == 429
        gate.open()
        assert [len(lines(one.result())[1]) for one in files] == [40] * 2
        until(lambda: service.service.batcher.held_tokens == 0)


def test_a_client_that_is_gone(serve, gate, until, plot):
    content = ("plot\n" + f'"{plot}"\n' * 400).encode()
    with serve(gate.load, queue_tokens=800) as service:
        with pytest.raises(httpx.ReadTimeout):
            send(service, content, timeout=0.5)
        until(lambda: service.service.batcher.held_tokens == 0)
        gate.open()
        assert service.tag(plot=plot).status_code == 200
        assert service.figure("plotgenre_read_texts_total") < 20


def test_a_client_that_reads_no_more(serve, until, plot):
    # Far more than the buffers of two sockets hold.
    content = json_lines([{"plot": plot, "notes": "n" * 50_000}] * 400)
    with serve(deadline=0.5) as service:
        request = service.client.build_request(
            "POST", "/v1/tag-file", content=content,
            headers={"Content-Type": "application/x-ndjson"},
        )  # fmt: skip
        answer = service.client.send(request, stream=True)
        assert answer.status_code == 200
        until(lambda: service.service.batcher.held_tokens == 0)
        answer.close()
        assert service.figure("plotgenre_plots_total") < 400
