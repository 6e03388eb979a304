"""What a start takes, and TextAttack's import, WordNet and figures as PDF, plain and as they are here.

    python benchmarks/start_up.py RUN

Prints processor seconds (user and system), the median of several processes a side, all sides alternating. ``RUN`` is
the directory of a run; its report is written to a scratch folder, and its figures are drawn as PDF.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cyclopts import run

# The time of what is inserted, without that of what the process did before.
_TIMED = "import time; began = time.process_time(); {}; print(time.process_time() - began)"
_WORDNET = """
from contextlib import nullcontext
from robustbench_mt.resources import prepare
prepare(["wordnet"], "the benchmark")
from nltk.corpus import wordnet
from attacks.quick_wordnet import english_wordnet
with {}(): """
_FIGURES = """
import sys
from contextlib import nullcontext
from pathlib import Path
from robustbench_mt.reporting import style
from robustbench_mt.reporting.plots import draw
from robustbench_mt.reporting.summary import summarize
figures = [drawing.figure for drawing in draw(summarize([Path(sys.argv[1])]))]
style.glyphs_alone = {}
style.render(figures[0], "pdf")
"""
_DRAWN = _TIMED.format('[style.render(figure, "pdf") for figure in figures]')
_LOADED = _TIMED.format('wordnet.synsets("film")')
_STOP_WORDS = 'from robustbench_mt.resources import prepare; prepare(["stop words"], "the benchmark"); '


def main(directory: Path, *, rounds: int = 5) -> None:
    """Compare.

    Args:
        directory: a run's.
        rounds: processes a side; one more warms up.
    """
    here = ["-m", "robustbench_mt"]
    with tempfile.TemporaryDirectory() as scratch:
        sides = {
            "python": ["-c", "pass"],
            "robustbench-mt --help": [*here, "--help"],
            "robustbench-mt report": [*here, "report", str(directory), "--out", scratch],
            "import textattack, plain": ["-c", f"{_STOP_WORDS}import textattack"],
            "import textattack, ours": [
                "-c",
                "from attacks.textattack_import import import_textattack as load; load()",
            ],
            "WordNet, plain": ["-c", _WORDNET.format("nullcontext") + _LOADED],
            "WordNet, ours": ["-c", _WORDNET.format("english_wordnet") + _LOADED],
            "figures as PDF, plain": ["-c", _FIGURES.format("nullcontext") + _DRAWN, str(directory)],
            "figures as PDF, ours": ["-c", _FIGURES.format("style.glyphs_alone") + _DRAWN, str(directory)],
        }
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(rounds + 1):
            for name, arguments in sides.items():
                seconds[name].append(_seconds(arguments))
    for name, values in seconds.items():
        # The first round warms up.
        print(f"{name}: {statistics.median(values[1:]):.2f} s ({min(values[1:]):.2f} to {max(values[1:]):.2f})")


def _seconds(arguments: list[str]) -> float:
    """Of the processor: what the process says of a part of it, else all of it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr)
    said = done.stdout.split()
    if _TIMED.partition("{}")[0] in " ".join(arguments):
        return float(said[-1])
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    run(main)
