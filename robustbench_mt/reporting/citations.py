"""What is to be cited for what the records name, and the BibTeX entries themselves."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

__all__ = [
    "METHODS",
    "RECIPES",
    "RESOURCES",
    "SENTENCE_ENCODER",
    "STATISTICS",
    "TASKS",
    "TOOLS",
    "base_keys",
    "bibtex",
    "entries",
    "recipe_keys",
]

_FILE = Path(__file__).parent / "references.bib"

METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "vanilla": ("vanilla fine-tuning", ("devlin2019bert",)),
    "match": ("Match-Tuning", ("tong2022robust",)),
    "r-drop": ("R-Drop", ("liang2021rdrop",)),
    "supcon": ("supervised contrastive learning", ("gunel2021supervised",)),
    "mixup": ("mixup of the classifier's inputs", ("zhang2018mixup", "sun2020mixup")),
    "r3f": ("R3F", ("aghajanyan2021better",)),
    "smart": ("SMART", ("jiang2020smart",)),
    "freelb": ("FreeLB", ("zhu2020freelb",)),
    "mixout": ("Mixout", ("lee2020mixout",)),
    "noisytune": ("NoisyTune", ("wu2022noisytune",)),
    "child-tuning-f": ("Child-Tuning-F", ("xu2021raise",)),
    "child-tuning-d": ("Child-Tuning-D", ("xu2021raise",)),
    "bi-drop": ("Bi-Drop", ("tong2023bidrop",)),
    "llrd": ("layer-wise learning-rate decay", ("howard2018universal", "zhang2021revisiting")),
    "lora": ("LoRA", ("hu2022lora", "mangrulkar2022peft")),
    "label-smoothing": ("label smoothing", ("szegedy2016rethinking",)),
    "class-weighted": ("class-weighted cross entropy", ("king2001logistic",)),
    "focal": ("the focal loss", ("lin2017focal",)),
    "logit-adjustment": ("logit adjustment", ("menon2021longtail",)),
    "oversample": ("random oversampling", ("lemaitre2017imbalanced",)),
    "undersample": ("random undersampling", ("lemaitre2017imbalanced",)),
}
"""By the registry's name: what a paper calls the method, and what it cites."""

_HOTFLIP = ("ebrahimi2018hotflip",)
_TEXTATTACK = ("morris2020textattack",)

RECIPES: dict[str, tuple[str, ...]] = {
    "deepwordbug": ("gao2018blackbox",),
    "pwws": ("ren2019generating",),
    "textfooler": ("jin2020bert",),
    "textbugger": ("li2019textbugger",),
    **dict.fromkeys(("pruthi", "pruthi-2"), ("pruthi2019combating",)),
    "checklist": ("ribeiro2020beyond",),
    "input-reduction": ("feng2018pathologies",),
    "bae": ("garg2020bae",),
    "bert-attack": ("li2020bertattack",),
    "a2t": ("yoo2021towards",),
    "clare": ("li2021contextualized",),
    "iga": ("wang2019natural",),
    "pso": ("zang2020wordlevel",),
    "alzantot": ("alzantot2018generating",),
    "faster-alzantot": ("jia2019certified",),
    "kuleshov": ("kuleshov2018adversarial",),
    "hotflip": _HOTFLIP,
    "hotflip-subword": _HOTFLIP,
    "leap": ("xiao2023leap",),
    **dict.fromkeys(("bad-characters", "bad-characters-deletions", "bad-characters-reorderings"), ("boucher2022bad",)),
    "french": _TEXTATTACK,
    "spanish": _TEXTATTACK,
    "chinese": _TEXTATTACK,
}

SENTENCE_ENCODER = "reimers2019sentence"
_WITH_SENTENCE_ENCODER = "-sbert"

_GLUE = "wang2019glue"

TASKS: dict[str, tuple[str, ...]] = {
    "rotten_tomatoes": ("pang2005seeing",),
    "imdb": ("maas2011learning",),
    "ag_news": ("zhang2015characterlevel",),
    "yelp_polarity": ("zhang2015characterlevel",),
    "cola": (_GLUE, "warstadt2019neural"),
    "sst2": (_GLUE, "socher2013recursive"),
    "mrpc": (_GLUE, "dolan2005automatically"),
    "stsb": (_GLUE, "cer2017semeval"),
    "rte": (_GLUE, "dagan2006pascal", "barhaim2006second", "giampiccolo2007third", "bentivogli2009fifth"),
    "qnli": (_GLUE, "rajpurkar2016squad"),
    "qqp": (_GLUE, "iyer2017first"),
    "mnli": (_GLUE, "williams2018broadcoverage"),
    "wnli": (_GLUE, "levesque2012winograd"),
}

# What a base's name holds; the first that fits counts, because "roberta" holds "bert", and "xlm-roberta" both.
_BASES = (
    ("minilm", ("wang2020minilm", SENTENCE_ENCODER)),
    ("modernbert", ("warner2024smarter",)),
    ("distilbert", ("sanh2019distilbert",)),
    ("deberta-v3", ("he2021deberta", "he2023improving")),
    ("deberta", ("he2021deberta",)),
    ("xlm-roberta", ("conneau2020unsupervised",)),
    ("roberta", ("liu2019roberta",)),
    ("camembert", ("martin2020camembert",)),
    ("mpnet", ("song2020mpnet",)),
    ("electra", ("clark2020electra",)),
    ("albert", ("lan2020albert",)),
    ("bert", ("devlin2019bert",)),
)

TOOLS: dict[str, tuple[str, str]] = {
    "torch": ("PyTorch", "paszke2019pytorch"),
    "transformers": ("Transformers", "wolf2020transformers"),
    "textattack": ("TextAttack", "morris2020textattack"),
    "scikit-learn": ("scikit-learn", "pedregosa2011scikit"),
    "scipy": ("SciPy", "virtanen2020scipy"),
    "statsmodels": ("statsmodels", "seabold2010statsmodels"),
    "adamw": ("AdamW", "loshchilov2019decoupled"),
}
"""By the package's name: its own, and what it asks to be cited as."""

RESOURCES: dict[str, str] = {
    "wordnet": "miller1995wordnet",
    "counter-fitted vectors": "mrksic2016counterfitting",
    "universal sentence encoder": "cer2018universal",
    "sentence-bert": SENTENCE_ENCODER,
    "sentence encoder": SENTENCE_ENCODER,
    "bert masked language model": "devlin2019bert",
}

STATISTICS: dict[str, str] = {
    "wilson": "wilson1927probable",
    "effective": "franco2019comparative",
    "stratified": "yan2010stratified",
    "macro": "takahashi2022confidence",
    "matthews": "gorodkin2004comparing",
    "posterior": "goutte2005probabilistic",
    "logit": "boyd2013area",
    "bootstrap": "efron1979bootstrap",
    "unskewed": "hall1992removal",
    "enlarged": "hazen1930flood",
    "hierarchical": "owen2007pigeonhole",
    "crossed": "hillis2007comparison",
    "weighted": "cochran1964approximate",
    "mcnemar": "mcnemar1947note",
    "paired": "tango1998equivalence",
    "t": "student1908probable",
    "wilcoxon": "wilcoxon1945individual",
    "holm": "holm1979simple",
    "calibration": "guo2017calibration",
}


def base_keys(base: str) -> tuple[str, ...]:
    """What is cited for a base, by its name; nothing for one that is not known."""
    name = base.rstrip("/").rpartition("/")[2].lower()
    return next((keys for part, keys in _BASES if part in name), ())


def recipe_keys(recipe: str) -> tuple[str, ...]:
    """What is cited for a recipe; nothing for one that is not known."""
    published = recipe.removesuffix(_WITH_SENTENCE_ENCODER)
    keys = RECIPES.get(published, ())
    return keys if published == recipe else (*keys, SENTENCE_ENCODER)


@cache
def entries() -> dict[str, str]:
    """All BibTeX entries by their keys, in the file's order."""
    text = _FILE.read_text(encoding="utf-8")
    return {match[1]: match[0] for match in re.finditer(r"^@\w+\{([^,\s]+),\n.*?^\}\n", text, re.MULTILINE | re.DOTALL)}


def bibtex(keys: Iterable[str]) -> str:
    """The entries of these keys as a BibTeX file."""
    wanted = set(keys)
    return "\n".join(entry for key, entry in entries().items() if key in wanted)
