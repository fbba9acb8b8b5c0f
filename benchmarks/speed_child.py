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
        encoder = EncoderSettings(kind="onnx", name=folder, runtime=job["runtime"])
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


def sentence_transformers(job: dict[str, Any]) -> tuple[Answer, Callable[[], dict[str, Any]]]:
    """The origin's encoder and network; the network's numbers are random, which costs the same."""
    import torch
    from sentence_transformers import SentenceTransformer

    from plotgenre.embedding.encoders.minilm import bundled_folder

    torch.set_num_threads(job["threads"])
    encoder = SentenceTransformer(str(bundled_folder()), device="cpu")
    head = torch.nn.Sequential(
        torch.nn.Linear(384, 512), torch.nn.ReLU(), torch.nn.Linear(512, job["n_genres"])
    ).eval()

    @torch.inference_mode()
    def batched(plots: Sequence[str]) -> Any:
        vectors = encoder.encode(list(plots), convert_to_tensor=True, show_progress_bar=False)
        return torch.sigmoid(head(vectors))

    def one_at_a_time(plots: Sequence[str]) -> Any:
        return [batched([plot]) for plot in plots]

    answer = one_at_a_time if job["contender"] == "origin" else batched
    return answer, lambda: {"tokens": tokens_of(job["plots"], 256), "precision": "float32"}


def tokens_of(plots: Sequence[str], most: int | None) -> list[int]:
    """Tokens of each plot as MiniLM counts them, all or as many as it reads."""
    from plotgenre.embedding.encoders.minilm import token_counts

    return [int(min(count, most or count)) for count in token_counts(plots)]


PREPARE = {"ours": ours, "origin": sentence_transformers, "batched": sentence_transformers}
WAYS = {"tagging": tagging, "scaling": scaling, "genres": genres, "peak": peak}

if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
