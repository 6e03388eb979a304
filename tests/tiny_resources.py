"""Small real resources for every recipe, made on the spot and placed where the recipes find them.

They know the words of the toy reviews and some beside them. Taggers are trained for a second; models that need not know
anything keep the weights they were born with.
"""

import json
import pickle
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tiny_models
import tiny_tensorflow
from conftest import ADVERBS, BAD, GOOD, SUBJECTS
from nltk_apart import nltk_apart

from attacks.textattack_import import import_textattack

__all__ = ["make_resources", "placed"]

LEXICON = {
    "DET": ["the"],
    "PRON": ["it"],
    "VERB": ["was", "seemed"],
    "NOUN": [*SUBJECTS, "movie", "tale", "actors", "tune"],
    "ADV": [*ADVERBS, "genuinely", "commonly", "not"],
    "ADJ": [*GOOD, *BAD, "marvellous", "splendid", "dull", "tedious"],
    "ADP": ["in", "of"],
    "CONJ": ["and"],
    "NUM": ["12"],
    "PROPN": ["Paris", "Anna"],
    ".": [".", ","],
}
"""Words by part of speech; those of a part are near words, and substitutes for one another."""

WORDS = [word for part in LEXICON.values() for word in part]

_PENN = {"DET": "DT", "PRON": "PRP", "VERB": "VBD", "NOUN": "NN", "ADV": "RB", "ADJ": "JJ", "ADP": "IN", "CONJ": "CC"}
_PENN |= {"NUM": "CD", "PROPN": "NNP", ".": "."}

# NLTK's en-ptb.map: the universal part of speech of each of Penn's tags.
_UNIVERSAL = {
    "ADJ": "JJ JJR JJRJR JJS JJ|RB JJ|VBG JJSS",
    "ADP": "IN IN|RP",
    "ADV": "RB RBR RBS RB|RP RB|VBG WRB",
    "CONJ": "CC",
    "DET": "DT EX PDT WDT",
    "NOUN": "NN NNP NNPS NNS NN|NNS NN|SYM NN|VBG NP",
    "NUM": "CD",
    "PRON": "PRP PRP$ PRP|VBP WP WP$",
    "PRT": "POS PRT RP TO",
    "VERB": "MD VB VBD VBD|VBN VBG VBG|NN VBN VBP VBP|TO VBZ VP",
    "X": "CD|RB FW LS RN SYM UH WH",
    ".": "! # $ '' ( ) , -LRB- -RRB- . : ? ``",
}

# Of Unicode's intentional.txt, the rows of small Latin letters.
_LOOK_ALIKE = dict(zip("acdehijopsxy", "асԁеһіϳοрѕху", strict=True))


@contextmanager
def placed(root: Path) -> Iterator[None]:
    """Within, this package and the libraries look for resources below ``root``, and nothing read before is kept."""
    import flair
    import huggingface_hub.constants
    import transformers.utils.hub

    textattack = import_textattack()
    from textattack.constraints.grammaticality.language_models.learning_to_write import language_model_helpers
    from textattack.transformations.word_swaps import word_swap_homoglyph_swap

    hub, table = str(root / "hub"), root / "intentional_homoglyphs.txt"
    with nltk_apart(), pytest.MonkeyPatch.context() as patch:
        # This package asks the environment each time; the libraries asked it once, when they were imported.
        patch.setenv("ROBUSTBENCH_MT_RESOURCES", str(root))
        patch.setenv("ROBUSTBENCH_MT_CACHE", str(root / "cache"))
        patch.setenv("TA_CACHE_DIR", str(root / "textattack"))
        patch.setenv("TFHUB_CACHE_DIR", str(root / "tfhub"))
        patch.setenv("FLAIR_CACHE_ROOT", str(root / "flair"))
        patch.setenv("HF_HUB_CACHE", hub)
        patch.setattr(textattack.shared.utils.install, "TEXTATTACK_CACHE_DIR", str(root / "textattack"))
        patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", hub)
        patch.setattr(transformers.utils.hub, "TRANSFORMERS_CACHE", hub)
        patch.setattr(flair, "cache_root", root / "flair")
        # Two things stand in TextAttack's code: the sizes of a model of 800 MB, and a path in its package, where no
        # test should write.
        patch.setattr(language_model_helpers, "RNNModel", lambda *_, **__: tiny_models.tiny_rnn(1 + len(WORDS)))
        patch.setattr(
            word_swap_homoglyph_swap, "open", lambda _, *how, **given: table.open(*how, **given), raising=False
        )
        patch.setattr(textattack.shared.utils, "GLOBAL_OBJECTS", {})
        patch.setattr(textattack.shared.utils.strings, "_flair_taggers", {})
        yield


def make_resources(root: Path) -> Path:
    """Make every resource below ``root``; those of TensorFlow where it is installed.

    Returns:
        The directory of a sentence encoder.
    """
    import_textattack()
    _make_tagger(root / "nltk_data/taggers/averaged_perceptron_tagger_eng")
    _make_tagset(root / "nltk_data/taggers/universal_tagset")
    _make_vectors(root / "textattack/word_embeddings/paragramcf")
    _make_hownet(root / "textattack/transformations/hownet")
    _make_homoglyphs(root)
    tiny_tensorflow.make_models(root, WORDS)
    return tiny_models.make_models(root, LEXICON, _tagged_sentences())


def _tagged_sentences() -> list[list[tuple[str, str]]]:
    """Sentences of the toy reviews' form, with the universal part of speech of each word."""
    generator = random.Random(0)
    forms = ("DET NOUN VERB ADV ADJ .", "PRON VERB ADJ .", "ADP PROPN DET NOUN ADP PROPN VERB ADV ADJ CONJ ADJ . NUM .")
    forms = forms * 40
    return [[(generator.choice(LEXICON[part]), part) for part in form.split()] for form in forms]


def _make_tagger(folder: Path) -> None:
    from nltk.tag.perceptron import PerceptronTagger

    tagger = PerceptronTagger(load=False)
    state = random.getstate()
    random.seed(0)  # it shuffles the sentences
    tagger.train([[(word, _PENN[part]) for word, part in sentence] for sentence in _tagged_sentences()])
    random.setstate(state)
    folder.mkdir(parents=True)
    parts = {"weights": tagger.model.weights, "tagdict": tagger.tagdict, "classes": sorted(tagger.classes)}
    for name, part in parts.items():
        (folder / f"{folder.name}.{name}.json").write_text(json.dumps(part), encoding="utf-8")


def _make_tagset(folder: Path) -> None:
    folder.mkdir(parents=True)
    rows = [f"{tag}\t{part}\n" for part, tags in _UNIVERSAL.items() for tag in tags.split()]
    (folder / "en-ptb.map").write_text("".join(rows), encoding="utf-8")


def _make_vectors(folder: Path) -> None:
    """Vectors in which words of one part of speech are near, with the tables that stand beside TextAttack's."""
    generator = np.random.default_rng(0)
    words, rows = [], []
    # Like the original, which holds no punctuation: TextAttack cannot put it in a word's place.
    parts = [part for name, part in LEXICON.items() if name != "."]
    for centre, part in zip(np.eye(20), parts, strict=False):
        words += [word.lower() for word in part]
        rows += [centre + generator.normal(0, 0.08, 20) for _ in part]
    vectors = np.array(rows, np.float32)
    distances = ((vectors[:, None] - vectors[None]) ** 2).sum(2)
    folder.mkdir(parents=True)
    np.save(folder / "paragram.npy", vectors)
    np.save(folder / "nn.npy", distances.argsort(1))
    for name, table in {
        "wordlist.pickle": {word: row for row, word in enumerate(words)},
        "mse_dist.p": defaultdict(dict),
        "cos_sim.p": defaultdict(dict),
    }.items():
        (folder / name).write_bytes(pickle.dumps(table))


def _make_hownet(folder: Path) -> None:
    parts = {"NOUN": "noun", "ADJ": "adj", "ADV": "adv", "VERB": "verb"}
    candidates = {
        word: {name: [other for other in LEXICON[part] if other != word]}
        for part, name in parts.items()
        for word in LEXICON[part]
    }
    folder.mkdir(parents=True)
    (folder / "word_candidates_sense.pkl").write_bytes(pickle.dumps(candidates))


def _make_homoglyphs(root: Path) -> None:
    rows = [f"{ord(a):04X} ;\t{ord(b):04X}\t# ( {a} ~ {b} ) LATIN ~ OTHER\n" for a, b in _LOOK_ALIKE.items()]
    (root / "intentional_homoglyphs.txt").write_text("# intentional.txt\n" + "\n".join(rows), encoding="utf-8")
