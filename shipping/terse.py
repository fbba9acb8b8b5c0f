"""An encoder's tokenizer that skips function words and punctuation: half of English prose.

They hardly say what a film is about, and each costs as much to read as any other word. "No", "not"
and all verbs but auxiliaries stay.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tokenizers import Regex, Tokenizer, normalizers

WORDS = (
    "the|a|an|and|or|of|to|in|on|at|by|for|with|from|as|into|about|is|are|was|were|be|been|being|am|"
    "has|have|had|having|do|does|did|will|would|can|could|should|may|might|must|i|you|he|she|it|we|"
    "they|me|him|us|them|my|your|his|her|its|our|their|theirs|hers|this|that|these|those|there|here|"
    "who|whom|whose|which|when|while|then|than|so|if|also|but|because|such|s"
)
SIGNS = "'\",.;:-()–—!?[]“”‘’"


def terse(source: Path, folder: Path) -> None:
    """Copy a sentence-transformers folder with a lower-casing tokenizer, which then skips them.

    A text that has nothing else is read as empty.
    """
    shutil.copytree(source, folder)
    path = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    skipped = Regex(rf"\b(?:{WORDS})\b|[{re.escape(SIGNS)}]")
    tokenizer.normalizer = normalizers.Sequence(
        [tokenizer.normalizer, normalizers.Replace(skipped, " ")]
    )
    tokenizer.save(str(path))
    config = folder / "tokenizer_config.json"
    told = json.loads(config.read_text())
    # The class of its own would build a normalizer of its own.
    told["tokenizer_class"] = "PreTrainedTokenizerFast"
    config.write_text(json.dumps(told, indent=2) + "\n")
