"""One contender of speed.py in a process of its own.

    python benchmarks/speed_child.py JOB

JOB is a JSON file: the contender, its model, its plots; the result is printed as JSON. Ours and the
rest end at the same thing, the probabilities of every genre.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

BEGUN = time.monotonic()

Answer = Callable[[Sequence[str]], Any]


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps(WAYS[job["way"]](job)))


def tagging(job: dict[str, Any]) -> dict[str, Any]:
    """First answer from the process's start, then passes over all plots once warm."""
    answer, facts = PREPARE[job["contender"]](job)
    answer(job["plots"][:1])
    cold = time.monotonic() - BEGUN
    answer(job["plots"][:16])
    seconds, busy = passes(answer, job["plots"], job["times"])
    return {
        **facts(),
        "plots": len(job["plots"]),
        "cold_seconds": cold,
        "seconds": seconds,
        "cpu_seconds": busy,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """Peak of this program alone; the usage that the kernel reports begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def scaling(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each group of plots, after one warm-up each."""
    answer, _ = PREPARE[job["contender"]](job)
    found = {}
    for name, plots in job["groups"].items():
        answer(plots)
        found[name] = passes(answer, plots, job["times"])[0] / len(plots)
    return found


def genres(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds a film of heads over other numbers of genres, each genre a fitted one at random."""
    import numpy as np

    from plotgenre import GenreClassifier

    branches = GenreClassifier.load(job["model"]).branches_
    found: dict[str, Any] = {}
    for name, branch in branches.items():
        read = (
            branch.embedder.embed(job["plots"])
            if name == "semantic"
            else branch.vocabulary.rows(job["plots"])
        )
        for count in job["genres"][name]:
            chosen = np.random.default_rng(0).integers(0, branch.head.n_genres, count)
            head = widened(branch.head, chosen)
            head.logits(read)
            seconds, _ = passes(lambda rows, head=head: head.logits(rows), read, job["times"])
            found.setdefault(name, {})[str(count)] = seconds / len(job["plots"])
    return found


def widened(head: Any, chosen: Any) -> Any:
    """A head over the chosen genres, which may stand in it several times."""
    from dataclasses import replace

    import numpy as np

    from plotgenre.learning.sparse_heads import GenreWeights, SparseHead

    if isinstance(head, SparseHead):
        own = head.tensors["weights.genres"]
        ngrams = np.repeat(np.arange(head.n_ngrams), np.diff(head.tensors["weights.offsets"]))
        by_genre = {
            genre: GenreWeights(
                ngrams[own == genre].astype(np.int32),
                head.tensors["weights.values"][own == genre],
                float(head.tensors["scale"][genre]),
                float(head.tensors["bias"][genre]),
            )
            for genre in np.unique(chosen)
        }
        rest = head.tensors["prior"][chosen], head.n_ngrams
        return SparseHead.of_genres([by_genre[genre] for genre in chosen], *rest, 2**31)
    last = {"output.weight", "output.bias", "query.weight"}
    tensors = {n: t[chosen] if n in last else t for n, t in head.tensors.items()}
    return replace(head, n_genres=len(chosen), tensors=tensors)


def peak(job: dict[str, Any]) -> dict[str, float]:
    from operations import peaks

    return peaks(job["threads"])


def passes(answer: Answer, plots: Any, times: int) -> tuple[float, float]:
    """Medians of wall and processor seconds."""
    walls, cpus = [], []
    for _ in range(times):
        begun, busy = time.monotonic(), time.process_time()
        answer(plots)
        walls.append(time.monotonic() - begun)
        cpus.append(time.process_time() - busy)
    return statistics.median(walls), statistics.median(cpus)


def ours(job: dict[str, Any]) -> tuple[Answer, Callable[[], dict[str, Any]]]:
    from plotgenre import GenreClassifier
    from plotgenre.embedding.encoders import EncoderSettings

    encoder = None
    if job["runtime"] is not None:
        folder = f"{job['model']}/encoder"
        encoder = EncoderSettings(
            kind="onnx",
            name=folder,
            runtime=job["runtime"],
            precision=job.get("precision", "auto"),
        )
    model = GenreClassifier.load(
        job["model"], encoder=encoder, fast=encoder is None, quick=job.get("quick", False)
    )

    def facts() -> dict[str, Any]:
        if encoder is None:
            return {"tokens": tokens_of(job["plots"], None), "precision": "int8 words"}
        embedder = model.branches_["semantic"].embedder
        slices = [text for one in embedder.slices(job["plots"]) for text in one]
        card = embedder.encoder.card
        lengths = [
            min(len(spans) + card.reserved_tokens, card.max_tokens)
            for spans in embedder.encoder.token_spans(slices)
        ]
        return {"tokens": lengths, "precision": card.precision}

    return model.predict_proba, facts


def theirs(job: dict[str, Any]) -> tuple[Answer, Callable[[], dict[str, Any]]]:
    """sentence-transformers and the origin's network, whose numbers are random.

    A plot is a list of texts: itself, of which the encoder reads the beginning, or its slices,
    whose vectors' mean it becomes.
    """
    import torch

    torch.set_num_threads(job["threads"])
    encoder = {"minilm": minilm, "origin": origins_encoder}[job["encoder"]]()
    width = encoder.get_embedding_dimension()
    head = torch.nn.Sequential(
        torch.nn.Linear(width, 512), torch.nn.ReLU(), torch.nn.Linear(512, job["n_genres"])
    ).eval()

    @torch.inference_mode()
    def batched(plots: Sequence[Sequence[str]]) -> Any:
        texts = [text for plot in plots for text in plot]
        vectors = encoder.encode(texts, convert_to_tensor=True, show_progress_bar=False)
        sizes = torch.tensor([len(plot) for plot in plots])
        return torch.sigmoid(head(torch.segment_reduce(vectors, "mean", lengths=sizes)))

    def one_at_a_time(plots: Sequence[Sequence[str]]) -> Any:
        return [batched([plot]) for plot in plots]

    def facts() -> dict[str, Any]:
        texts = [text for plot in job["plots"] for text in plot]
        return {"tokens": tokens_of(texts, encoder.max_seq_length), "precision": "float32"}

    return batched if job.get("batched") else one_at_a_time, facts


def minilm() -> Any:
    """MiniLM as it came, which reads 256 tokens."""
    from sentence_transformers import SentenceTransformer

    from plotgenre.embedding.encoders.minilm import bundled_folder

    return SentenceTransformer(str(bundled_folder()), device="cpu")


def origins_encoder() -> Any:
    """msmarco-distilroberta-base-v2 with other numbers, and MiniLM's tokens, of which it reads 350.

    No package holds the model itself; its speed is that of its shape, if its own vocabulary makes
    about as many tokens of a plot.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling
    from transformers import RobertaConfig, RobertaModel

    shape = RobertaConfig(
        vocab_size=50265, num_hidden_layers=6, max_position_embeddings=514, type_vocab_size=1
    )
    reading = minilm()[0]
    reading.model = RobertaModel(shape, add_pooling_layer=False)
    reading.max_seq_length = 350
    modules = [reading, Pooling(shape.hidden_size, "mean")]
    return SentenceTransformer(modules=modules, device="cpu").eval()


def tokens_of(plots: Sequence[str], most: int | None) -> list[int]:
    """Tokens of each plot as MiniLM counts them, all or as many as it reads."""
    from plotgenre.embedding.encoders.minilm import token_counts

    return [int(min(count, most or count)) for count in token_counts(plots)]


PREPARE = {"ours": ours, "theirs": theirs}
WAYS = {"tagging": tagging, "scaling": scaling, "genres": genres, "peak": peak}

if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
