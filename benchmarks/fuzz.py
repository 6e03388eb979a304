"""Hostile files for every parser of a user's bytes, as many as asked for, other ones each time.

    python benchmarks/fuzz.py [--cases 100000] [--seed S] [--only PARSER] [--failures DIR]

Each case must end in a result or in one clear line, and write nothing that it should not; see
``tests/hostile_input.py``. What does not is made as small as can be and saved below the directory of failures.
"""

import argparse
import random
import shutil
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from hostile_input import Files, Parser, refusal
from hostile_parsers import PARSERS

# Hypothesis keeps what it has tried in memory, so that it tries nothing twice.
_ROUND = 500


def fuzz(name: str, parser: Parser, cases: int, random_seeds: random.Random, failures: Path) -> Counter[str]:
    """Try a parser on so many cases, in rounds; what fails is saved, one directory a failure.

    Returns:
        How many cases were read, refused, and failures by their kind.
    """
    counts: Counter[str] = Counter()
    while (tried := counts["read"] + counts["refused"]) < cases and counts["failures"] < 20:
        last: Files = {}

        @seeded(random_seeds.getrandbits(64))
        @settings(
            max_examples=min(_ROUND, cases - tried),
            phases=[Phase.generate, Phase.shrink],
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(parser.files)
        def one_round(files: Files) -> None:
            nonlocal last
            last = files
            counts["refused" if refusal(parser, files) else "read"] += 1

        try:
            one_round()
        except Exception as error:  # whatever a parser raises is what is looked for
            counts["failures"] += 1
            where = failures / f"{name.replace(' ', '-')}-{counts['failures']}"
            save(where, last, error)
            print(f"  {type(error).__name__}: {str(error)[:200]!r}: {where}", flush=True)
    return counts


def save(where: Path, files: Files, error: Exception) -> None:
    shutil.rmtree(where, ignore_errors=True)
    for name, content in files.items():
        path = where / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    where.mkdir(parents=True, exist_ok=True)
    # Hypothesis adds the files, which are saved as such.
    vars(error).pop("__notes__", None)
    (where / "traceback.txt").write_text("".join(traceback.format_exception(error)), "utf-8", "backslashreplace")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options.add_argument("--only", choices=PARSERS, action="append")
    options.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    given_options = options.parse_args()
    print(f"seed {given_options.seed}")
    chosen = {name: parser for name, parser in PARSERS.items() if name in (given_options.only or PARSERS)}
    shares = sum(parser.share for parser in chosen.values())
    seeds = random.Random(given_options.seed)
    total: Counter[str] = Counter()
    print(f"{'parser':24} {'read':>7} {'refused':>7} {'failed':>7} {'cases/s':>7}")
    for name, parser in chosen.items():
        began = time.monotonic()
        counts = fuzz(name, parser, -int(-given_options.cases * parser.share // shares), seeds, given_options.failures)
        rate = (counts["read"] + counts["refused"]) / (time.monotonic() - began)
        print(f"{name:24} {counts['read']:7} {counts['refused']:7} {counts['failures']:7} {rate:7.0f}", flush=True)
        total += counts
    print(f"{'all':24} {total['read']:7} {total['refused']:7} {total['failures']:7}")
    return 1 if total["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
