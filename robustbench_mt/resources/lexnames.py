"""WordNet's ``lexnames`` table, the one file that NLTK reads and Debian's package of WordNet 3.0 lacks."""

__all__ = ["LEXNAMES"]

_NAMES = """
adj.all adj.pert adv.all
noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body noun.cognition noun.communication noun.event
noun.feeling noun.food noun.group noun.location noun.motive noun.object noun.person noun.phenomenon noun.plant
noun.possession noun.process noun.quantity noun.relation noun.shape noun.state noun.substance noun.time
verb.body verb.change verb.cognition verb.communication verb.competition verb.consumption verb.contact verb.creation
verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative verb.weather
adj.ppl
"""
_PARTS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}

LEXNAMES = "".join(
    f"{number:02d}\t{name}\t{_PARTS[name.partition('.')[0]]}\n" for number, name in enumerate(_NAMES.split())
).encode("ascii")
"""45 rows: number, name, number of the part of speech (``lexnames(5WN)`` in WordNet's manual)."""
