"""The runtime check: what a runtime gets wrong is not used, and what was found out is kept."""

import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from plotgenre.embedding.encoders import processor, runtime_check
from plotgenre.embedding.encoders.runtime_check import check_lengths, checked_graph
from plotgenre.errors import EncoderError

onnx = pytest.importorskip("onnx")

RNG = np.random.default_rng(0)
IDS = [RNG.integers(0, 50, (1 + 2 * (t % 2), t)) for t in (1, 2, 3, 5, 9, 17)]
SMALL = RNG.standard_normal((50, 64)).astype(np.float32)
WHOLE = RNG.integers(-127, 128, (64, 16), dtype=np.int8)
WHOLE[0] = 0


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")


@pytest.fixture
def records(tmp_path):
    return lambda: sorted((tmp_path / "cache" / "plotgenre" / "runtimes").glob("*"))


@pytest.fixture
def written(tmp_path):
    """Writes ids -> rows of a table -> times a matrix of whole numbers, less a row -> mean."""

    def write(table: np.ndarray, less: float = 0.0, narrow: bool = True) -> Path:
        helper, kinds = onnx.helper, onnx.TensorProto
        ids = helper.make_tensor_value_info("ids", kinds.INT64, ["b", "t"])
        out = helper.make_tensor_value_info("out", kinds.FLOAT, ["b", 16])
        wide = WHOLE.astype(np.float32)
        constants = {"table": table, "less": less * wide.sum(axis=0), "axes": np.array([1])}
        constants |= {"whole": WHOLE, "scales": np.ones(16, np.float32)} if narrow else {}
        constants |= {} if narrow else {"wide": wide}
        widen = [helper.make_node("DequantizeLinear", ["whole", "scales"], ["wide"], axis=1)]
        nodes = [
            *(widen if narrow else []),
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("MatMul", ["rows", "wide"], ["product"]),
            helper.make_node("Sub", ["product", "less"], ["rest"]),
            helper.make_node("ReduceMean", ["rest", "axes"], ["out"], keepdims=0),
        ]
        values = [onnx.numpy_helper.from_array(one, name) for name, one in constants.items()]
        opsets = [helper.make_opsetid("", 18)]
        graph = helper.make_graph(nodes, "graph", [ids], [out], values)
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.save(model, tmp_path / "model.onnx")
        return tmp_path / "model.onnx"

    return write


def read(graph, ids):
    return graph.run({"ids": ids})


def checked(path, asked, identity="one"):
    return checked_graph(path, identity, asked, read, lambda most: IDS[:most])


def far(found, table, less=0.0):
    """The farthest of what is read from what numpy finds, relative to the largest number."""
    pairs = [
        (read(found.graph, ids), ((table[ids] - less) @ WHOLE.astype(np.float32)).mean(axis=1))
        for ids in IDS
    ]
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in pairs)


def test_bfloat16_that_loses_what_counts_gives_way_to_float32(written, caplog):
    pytest.importorskip("openvino")
    # Beside 1,000 a number of bfloat16 keeps none of what tells the rows apart.
    table = SMALL + np.float32(1000)
    path = written(table, less=1000, narrow=False)
    found = checked(path, ("openvino", "bfloat16"))
    assert (found.runtime.name, found.graph.precision) == ("openvino", "float32")
    assert far(found, table, less=1000) < 0.01
    # With two streams, and with one.
    assert len(found.refused) == 2
    (warning,) = caplog.messages
    # A processor that is held to AVX2 does not get as far.
    assert "in bfloat16, 2 batches at a time" in warning
    assert "gave wrong vectors here" in warning or "failed here" in warning
    assert "is run by openvino" in warning


def test_int8_that_loses_what_counts_gives_way_to_float32(written):
    # One large number of the group, which no output reads, makes the step too long for the rest.
    table = SMALL.copy()
    table[:, 0] = 10_000
    found = checked(written(table), ("onnxruntime", "int8"))
    assert (found.graph.precision, len(found.refused)) == ("float32", 1)
    assert far(found, table) < 1e-4


def test_what_is_right_is_kept_and_its_distance_told(written, caplog):
    found = checked(written(SMALL), ("onnxruntime", "int8"))
    assert found.refused == ()
    assert caplog.messages == []
    assert 0 < found.distance < runtime_check.MOST_DISTANCE
    assert f"at most {found.distance:.3f} from float32" in str(found)


def test_int8_that_rounds_nothing_is_called_what_it_is(written, monkeypatch):
    path = written(SMALL, narrow=False)
    assert checked(path, ("onnxruntime", "int8")).graph.precision == "float32"
    assert checked(written(SMALL), ("onnxruntime", "int8"), "two").graph.precision == "int8"


@pytest.fixture
def corrupted(monkeypatch):
    """Makes what some runtimes read wrong, as no runtime is known to everywhere."""

    def corrupt(wrong, here):
        opened, calls = runtime_check.open_graph, []

        def opening(path, runtime):
            graph = opened(path, runtime)
            calls.append(runtime)
            if not here(runtime):
                return graph
            # Of all lanes together: each call gets a number of its own.
            turns = count(1)

            def run(inputs):
                return wrong(graph.run(inputs), next(turns))

            return replace(graph, run=run)

        monkeypatch.setattr(runtime_check, "open_graph", opening)
        return calls

    return corrupt


WRONG = {
    "NaN in one": lambda right, turn: np.where(right == right.max(), np.nan, right),
    "infinity": lambda right, turn: right / 0 if turn == 3 else right,
    "zeros": lambda right, turn: right * 0,
    "turned": lambda right, turn: -right,
    "five times as long": lambda right, turn: right * 5,
    "shifted": lambda right, turn: right + right.std(),
    "moved by those beside it": lambda right, turn: right * (1.001 if len(right) > 3 else 1),
    "wrong the second time": lambda right, turn: right[:, ::-1] if turn > len(IDS) else right,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("how", WRONG)
def test_whatever_is_wrong_is_seen(written, corrupted, how):
    corrupted(WRONG[how], lambda runtime: runtime.precision == "int8")
    found = checked(written(SMALL), ("onnxruntime", "int8"))
    assert (found.graph.precision, found.distance, len(found.refused)) == ("float32", 0, 1)
    assert far(found, SMALL) < 1e-4


def test_a_runtime_whose_vectors_hang_on_the_batch_is_told(written, corrupted, caplog):
    corrupted(WRONG["moved by those beside it"], lambda runtime: runtime.precision == "int8")
    checked(written(SMALL), ("onnxruntime", "int8"))
    (warning,) = caplog.messages
    assert "in int8, 2 batches at a time gave vectors that hang on the batch here" in warning


def test_one_stream_is_tried_where_several_are_wrong(written, corrupted, caplog):
    pytest.importorskip("openvino")
    corrupted(WRONG["turned"], lambda runtime: runtime.lanes > 1 and runtime.name == "openvino")
    found = checked(written(SMALL), ("openvino", "float32"))
    assert (found.runtime.name, found.graph.lanes) == ("openvino", 1)
    assert far(found, SMALL) < 1e-4
    (again,) = {str(checked(written(SMALL), ("openvino", "float32"))) for _ in range(2)}
    assert again == str(found)
    # Told by every process, kept or not.
    assert len(caplog.messages) == 3


def test_a_runtime_that_fails_gives_way(written, monkeypatch):
    opened = runtime_check.open_graph

    def opening(path, runtime):
        if runtime.precision == "int8":
            raise EncoderError("no primitive for this processor")
        return opened(path, runtime)

    monkeypatch.setattr(runtime_check, "open_graph", opening)
    found = checked(written(SMALL), ("onnxruntime", "int8"))
    assert found.graph.precision == "float32"
    assert "failed here: no primitive for this processor" in found.refused[0]


def test_the_verdict_is_kept(written, corrupted, records):
    calls = corrupted(WRONG["zeros"], lambda runtime: False)
    path = written(SMALL)
    first = checked(path, ("onnxruntime", "int8"))
    assert len(calls) > 1
    (record,) = records()
    assert record.stat().st_size < 2000
    del calls[:]
    again = checked(path, ("onnxruntime", "int8"))
    # It alone is opened, and nothing is compared.
    assert calls == [again.runtime]
    assert str(again) == str(first)


def test_a_verdict_holds_for_what_it_was_found_with_alone(written, records, monkeypatch, tmp_path):
    path = written(SMALL)
    checked(path, ("onnxruntime", "int8"))
    checked(path, ("onnxruntime", "int8"), "another encoder")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    checked(path, ("onnxruntime", "int8"))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE")
    checked(path, ("onnxruntime", "int8"))
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Another\nflags\t: avx2\n")
    monkeypatch.setattr(
        runtime_check,
        "processor_identity",
        lambda: processor.processor_identity(tmp_path / "cpuinfo"),
    )
    checked(path, ("onnxruntime", "int8"))
    assert len(records()) == 5


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"{}", b"\xff", b"null",
        b'{"runtime": {}, "precision": "int8", "distance": 0, "refused": []}',
    ],
)  # fmt: skip
def test_a_damaged_record_is_made_anew(written, records, text):
    path = written(SMALL)
    right = checked(path, ("onnxruntime", "int8"))
    (record,) = records()
    record.write_bytes(text)
    assert str(checked(path, ("onnxruntime", "int8"))) == str(right)
    assert json.loads(record.read_text())["precision"] == "int8"


@pytest.mark.parametrize("distance", [0.3, -1, "NaN", None])
def test_a_record_of_what_was_wrong_is_not_believed(written, records, corrupted, distance):
    path = written(SMALL)
    checked(path, ("onnxruntime", "int8"))
    (record,) = records()
    record.write_text(json.dumps(json.loads(record.read_text()) | {"distance": distance}))
    calls = corrupted(WRONG["zeros"], lambda runtime: False)
    checked(path, ("onnxruntime", "int8"))
    assert len(calls) > 1


@pytest.mark.parametrize("how", ["a file in the way", "no home"])
def test_without_a_cache_every_process_checks(written, tmp_path, monkeypatch, how):
    if how == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME")

        def homeless():
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(Path, "home", homeless)
    else:
        (tmp_path / "cache").write_text("in the way")
    path = written(SMALL)
    assert {str(checked(path, ("onnxruntime", "int8"))).split(",")[0] for _ in range(2)} == {
        f"onnxruntime {checked(path, ('onnxruntime', 'int8')).runtime.version} in int8"
    }


def test_float32_with_nan_is_refused(written, caplog):
    table = SMALL.copy()
    table[3] = np.nan
    path = written(table)
    for asked in (("onnxruntime", "float32"), ("onnxruntime", "int8")):
        with pytest.raises(EncoderError, match="gives vectors with NaN or infinity"):
            checked_graph(path, "one", asked, read, lambda most: [np.full((1, 2), 3)])


def test_what_reads_no_ids_is_one_sentence(written):
    with pytest.raises(EncoderError, match="reads no token ids: "):
        checked_graph(
            written(SMALL), "one", ("onnxruntime", "float32"), read, lambda most: [np.ones((1, 2))]
        )


def test_nothing_to_judge_by_is_float32(written):
    for asked in (("onnxruntime", "float32"), ("onnxruntime", "int8")):
        found = checked_graph(written(SMALL), "one", asked, read, lambda most: [])
        assert found.graph.precision == "float32"


@pytest.mark.parametrize(
    ("least", "most", "lengths"),
    [
        (1, 256, [1, 5, 17, 65, 129]),
        (2, 8192, [2, 5, 17, 65, 129]),
        (4, 64, [4, 5, 17, 64]),
        (8, 8, [8]),
    ],
)
def test_lengths_are_those_of_texts(least, most, lengths):
    assert check_lengths(least, most) == lengths
