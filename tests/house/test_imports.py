"""The house rules that a machine can check: which room may import which, and what stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "plotgenre"
FILES = sorted(SOURCE.rglob("*.py"))

# From the ground up; a file may import its own floor's room and any room below it.
FLOORS = (
    (
        "devices",
        "errors",
        "json_files",
        "telemetry",
        "texts",
        "user_cache",
        "version",
        "whole_files",
    ),
    ("corpus", "embedding", "lexicon"),
    ("evaluation", "learning"),
    ("branches",),
    ("recipe", "artefact", "hub"),
    ("idle_settings",),
    ("model",),
    ("explaining",),
    ("classifier",),
    ("experiment", "similar"),
    ("batch", "serving"),
    ("doors",),
    ("__init__", "__main__"),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# What a room may see of another on its way down, beside the ground floor.
ALLOWED = {
    "corpus": set(),
    "embedding": set(),
    "evaluation": {"corpus"},
    "lexicon": set(),
    "learning": {"embedding", "lexicon"},
    "branches": {"embedding", "learning", "lexicon"},
    "batch": {"classifier", "corpus", "embedding", "hub"},
    "explaining": {"branches", "learning", "model"},
    "artefact": set(),
    "hub": set(),
    "serving": {
        "artefact",
        "branches",
        "classifier",
        "corpus",
        "explaining",
        "hub",
        "learning",
        "model",
    },
}
OWNERS = {
    "torch": ("devices.py", "embedding/encoders/", "learning/"),
    "sentence_transformers": ("embedding/encoders/",),
    "onnxruntime": ("embedding/encoders/",),
    "openvino": ("embedding/encoders/",),
    "onnx": ("embedding/encoders/", "model/"),
    "model2vec": ("embedding/encoders/",),
    "matplotlib": ("evaluation/",),
    "jinja2": ("evaluation/",),
    "datasketch": ("corpus/",),
    "cleanlab": ("evaluation/",),
    "fastapi": ("serving/",),
    "starlette": ("serving/",),
    "uvicorn": ("serving/",),
    "prometheus_client": ("serving/",),
    "filelock": ("batch/",),
    "pyarrow": ("batch/", "corpus/readers/"),
    "ray": ("batch/",),
    "typer": ("doors/",),
    "rich": ("doors/",),
}
FORBIDDEN = {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc"}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, inside functions too, type-checking blocks left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def room_of(dotted: str) -> str | None:
    parts = dotted.split(".")
    if parts[0] != "plotgenre":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in FLOOR_OF else "__init__"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_run_downward(path: Path) -> None:
    own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for dotted in imports(path):
        room = room_of(dotted)
        if room in (None, own, *FLOORS[0]):
            continue
        assert room is not None
        assert FLOOR_OF[room] < FLOOR_OF[own], f"{name_of(path)} imports {dotted}: upward"
        if own in ALLOWED:
            assert room in ALLOWED[own], f"{name_of(path)} imports {dotted}: not its business"


@pytest.mark.parametrize(("room", "file"), [("embedding", "bags"), ("lexicon", "sparse_rows")])
def test_learning_sees_only_what_heads_read(room: str, file: str) -> None:
    for path in FILES:
        if name_of(path).startswith("learning/"):
            seen = {dotted for dotted in imports(path) if room_of(dotted) == room}
            assert all(dotted.startswith(f"plotgenre.{room}.{file}.") for dotted in seen), path


def test_no_circles() -> None:
    modules = {
        "plotgenre." + name_of(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for path in FILES
    }
    graph: dict[str, set[str]] = {}
    for path in FILES:
        own = "plotgenre." + name_of(path).removesuffix(".py").replace("/", ".")
        own = own.removesuffix(".__init__")
        if own in ("plotgenre.__init__", "plotgenre"):
            continue
        targets = {d if d in modules else d.rpartition(".")[0] for d in imports(path)}
        graph[own] = (targets & modules) - {own, "plotgenre"}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module in done:
            return
        for target in graph.get(module, ()):
            # A package's face imports its own files, which is no circle.
            if not target.startswith(module + ".") and not module.startswith(target + "."):
                visit(target, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("library", OWNERS)
def test_each_library_has_its_room(library: str) -> None:
    for path in FILES:
        if any(dotted.split(".")[0] == library for dotted in imports(path)):
            assert name_of(path).startswith(OWNERS[library]), f"{name_of(path)} imports {library}"


def test_no_pickle_and_no_catch_all_rooms() -> None:
    for path in FILES:
        roots = {dotted.split(".")[0] for dotted in imports(path)}
        assert not roots & FORBIDDEN, path
        text = path.read_text(encoding="utf-8")
        assert "torch.save" not in text, path
        assert "torch.load" not in text, path
        assert path.stem not in FORBIDDEN_NAMES, path


@pytest.mark.parametrize(
    "code",
    [
        "import plotgenre",
        "from plotgenre import GenreClassifier, Recipe, read_corpus, run_experiment",
        "from plotgenre.doors.cli import app",
    ],
)
def test_imports_stay_light(code: str) -> None:
    heavy = "{'torch', 'onnxruntime', 'openvino', 'sklearn', 'transformers', 'matplotlib'}"
    probe = f"import sys; {code}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def words_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from plotgenre import GenreClassifier

    settings = {"genres.minimum_films": 1}
    recipe = GenreClassifier("lexical").settings().with_settings(settings)
    films = [(f"ghost house cellar {i}", ["Horror"]) for i in range(10)]
    films += [(f"love wedding bride {i}", ["Romance"]) for i in range(10)]
    folder = tmp_path_factory.mktemp("words") / "model"
    GenreClassifier(recipe).fit(*map(list, zip(*films, strict=True))).save(folder)
    return folder


def test_tagging_a_plot_by_words_loads_nothing_heavy(words_alone: Path) -> None:
    probe = """
import sys
sys.argv = ["plotgenre", "tag", "the ghost of the house", "--model", sys.argv[1]]
from plotgenre.doors.cli import main
main()
heavy = {"torch", "onnxruntime", "openvino", "sklearn", "scipy", "transformers", "tokenizers"}
heavy |= {"pyarrow", "rich", "huggingface_hub", "matplotlib", "jinja2"}
print(sorted(heavy & set(sys.modules)))
"""
    command = [sys.executable, "-c", probe, str(words_alone)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer, heavy = done.stdout.splitlines()
    assert '"Horror"' in answer
    assert heavy == "[]"
