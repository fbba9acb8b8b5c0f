"""What all rooms' tests share: the real corpora, tiny encoders to embed with, a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from plotgenre import GenreClassifier, Recipe

# Read once, when huggingface_hub is first imported: no test asks the network.
os.environ["HF_HUB_OFFLINE"] = "1"
# No test reads or leaves anything in the user's own cache; matplotlib keeps its list of fonts.
os.environ.setdefault("MPLCONFIGDIR", str(Path.home() / ".cache" / "matplotlib"))
_CACHE = TemporaryDirectory(prefix="plotgenre-tests-")
os.environ["XDG_CACHE_HOME"] = _CACHE.name

SENTENCES = (
    "A retired detective returns to the harbour town where his partner vanished.",
    "Two strangers share a taxi. By morning neither can afford to tell the truth, and both try.",
    "The crew of a cargo ship finds an alien signal on a dead moon and answers it.",
    "After the wedding the bride discovers a ghost in the cellar of the old house.",
    "A soldier walks home through the ruins of the war to find his daughter again.",
    "Love is a game that nobody in this little town has ever won!",
)
DIMENSION = 32
MAX_TOKENS = 64
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real corpora beside the checkout; tests that need them skip where they are absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real corpora are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    """What the tiny encoders' tokenizers were trained on."""
    return list(SENTENCES)


@pytest.fixture(scope="session")
def wordpiece() -> Tokenizer:
    """A lower-casing tokenizer as BERT's, trained on the sentences; CJK letters are words."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


@pytest.fixture(scope="session")
def byte_level() -> Tokenizer:
    """A byte-level BPE tokenizer as GPT-2's, without special tokens around a text."""
    return _byte_level(["<end>"])


@pytest.fixture(scope="session")
def tiny_masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder: RoBERTa of two layers, mean pooling, 64 tokens."""
    from transformers import RobertaConfig, RobertaModel

    tokenizer = _byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    names |= {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=DIMENSION,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=MAX_TOKENS + 2,
        initializer_range=0.2,
    )
    folder = tmp_path_factory.mktemp("tiny") / "masked"
    return _saved(RobertaModel, config, tokenizer, names, "mean", folder)


@pytest.fixture(scope="session")
def tiny_causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder: GPT-2 of two layers, last token, no padding token."""
    from transformers import GPT2Config, GPT2Model

    tokenizer = _byte_level(["<end>"])
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(),
        n_embd=DIMENSION,
        n_layer=2,
        n_head=4,
        n_positions=MAX_TOKENS,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.2,
    )
    names = {"bos_token": "<end>", "eos_token": "<end>"}
    folder = tmp_path_factory.mktemp("tiny") / "causal"
    return _saved(GPT2Model, config, tokenizer, names, "lasttoken", folder)


@pytest.fixture(scope="session")
def tiny_static(tmp_path_factory: pytest.TempPathFactory, wordpiece: Tokenizer) -> Path:
    """A model2vec folder: one random vector a token."""
    from model2vec import StaticModel

    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((wordpiece.get_vocab_size(), DIMENSION)).astype(np.float32)
    folder = tmp_path_factory.mktemp("tiny") / "static"
    # A copy, since model2vec sets truncation and padding as it likes.
    StaticModel(vectors, Tokenizer.from_str(wordpiece.to_str()), normalize=True).save_pretrained(
        folder
    )
    return folder


def _byte_level(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def _saved(
    architecture: Any,
    config: Any,
    tokenizer: Tokenizer,
    names: dict[str, str],
    pooling: str,
    folder: Path,
) -> Path:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules.transformer import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.disable_progress_bar()
    torch.manual_seed(0)
    raw = folder.with_name(folder.name + "-raw")
    architecture(config).save_pretrained(raw)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=MAX_TOKENS, **names
    ).save_pretrained(raw)
    modules = [Transformer(str(raw)), Pooling(DIMENSION, pooling_mode=pooling)]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))
    logging.enable_progress_bar()
    return folder


@pytest.fixture(scope="session")
def film_lists() -> tuple[list[str], list[list[str]]]:
    """90 short plots with four genres, which their words give away; some have two, one is rare."""
    words = {
        "Horror": "ghost cellar old house discovers",
        "Comedy": "taxi strangers share both morning",
        "War": "soldier ruins war walks crew",
        "Romance": "love wedding bride game won",
    }
    rng = np.random.default_rng(7)
    names = list(words)
    plots, genres = [], []
    for i in range(90):
        chosen = [names[i % 4]] + ([names[(i // 4 + i + 1) % 4]] if i % 3 == 0 else [])
        own = dict.fromkeys(chosen)
        said = [word for genre in own for word in rng.choice(words[genre].split(), 6)]
        plots.append(f"{' '.join(said)}. {i}")
        genres.append([*own, *(["Opera"] if i < 3 else [])])
    return plots, genres


@pytest.fixture(scope="session")
def film_recipe(tiny_masked: Path) -> Recipe:
    """Settings that fit ``film_lists`` within a second."""
    return Recipe().with_settings(
        {
            "genres.minimum_films": 5,
            "split.validation": 0.25,
            "encoder.name": str(tiny_masked),
            "encoder.precision": "float32",
            "slicing.overlap": 4,
            "head.pooling": "mean",
            "training.learning_rate": 0.02,
            "training.max_epochs": 40,
            "training.patience": 40,
            "training.batch_size": 16,
        }
    )


@pytest.fixture(scope="session")
def given_recipe(film_recipe: Recipe) -> Recipe:
    """The same where the split, or the genres as a matrix, are given: neither may be set there."""
    return film_recipe.with_settings({"genres": {}, "split": {}})


@pytest.fixture(scope="session")
def words_recipe() -> Recipe:
    """The lexical branch alone, on the films of ``film_recipe``."""
    return Recipe().with_settings(
        {
            "branches.semantic": False,
            "branches.lexical": True,
            "genres.minimum_films": 5,
            "split.validation": 0.25,
        }
    )


@pytest.fixture(scope="session")
def fitted(film_lists: tuple[list[str], list[list[str]]], film_recipe: Recipe) -> GenreClassifier:
    """A classifier fitted on names; tests must leave it as it is."""
    return GenreClassifier(film_recipe).fit(*film_lists)


@pytest.fixture(scope="session")
def saved_model(fitted: GenreClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``fitted``; tests that damage it take a copy."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    fitted.save(folder, evaluation={"micro_f1": 0.5}, card="# Card")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright.

    Of one module, as Playwright keeps an event loop running, beside which no other can start.
    """
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"Chromium is not at {CHROMIUM}")
    with driver.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()
