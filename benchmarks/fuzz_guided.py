"""The cases of fuzz.py, chosen by atheris: what reaches a line that no case has reached is kept, and varied further.

    pip install atheris
    python benchmarks/fuzz_guided.py [--seconds 60] [--only PARSER] [--failures DIR]

Each parser gets so many seconds, in a process of its own, because libFuzzer ends the process that it has run in.
Failures are saved as fuzz.py saves them. What was kept lies there as well, and a further run goes on from it.
"""

import argparse
import multiprocessing
import os
import sys
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

with atheris.instrument_imports(include=["robustbench_mt", "attacks"]):
    from fuzz import save
    from hostile_input import Files, Parser, refusal
    from hostile_parsers import PARSERS

from hypothesis import HealthCheck, given, settings

# Bytes that Hypothesis makes its choices of.
_LONGEST = 4096


def fuzz_guided(
    name: str, parser: Parser, seconds: int, failures: Path, read: "Synchronized[int]", refused: "Synchronized[int]"
) -> None:
    """Try a parser for so long, and end the process, with another status than 0 where a case failed."""
    last: Files = {}

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(parser.files)
    def one_case(files: Files) -> None:
        nonlocal last
        last = files
        (refused if refusal(parser, files) else read).value += 1

    def one_input(data: bytes) -> None:
        try:
            one_case.hypothesis.fuzz_one_input(data)
        except Exception as error:  # whatever a parser raises is what is looked for
            where = failures / name.replace(" ", "-")
            save(where, last, error)
            print(f"  {type(error).__name__}: {str(error)[:200]!r}: {where}", flush=True)
            raise

    corpus = failures / "corpus" / name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    with (corpus.parent / f"{corpus.name}.log").open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", f"-max_len={_LONGEST}", str(corpus)], one_input)
    atheris.Fuzz()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--only", choices=PARSERS, action="append")
    options.add_argument("--failures", type=Path, default=Path("fuzz-failures"))
    chosen = options.parse_args()
    failed = 0
    context = multiprocessing.get_context("fork")
    print(f"{'parser':24} {'read':>7} {'refused':>7}", flush=True)
    for name in chosen.only or PARSERS:
        read, refused = context.Value("q", 0), context.Value("q", 0)
        arguments = (name, PARSERS[name], chosen.seconds, chosen.failures, read, refused)
        process = context.Process(target=fuzz_guided, args=arguments)
        process.start()
        process.join()
        print(f"{name:24} {read.value:7} {refused.value:7}{' failed' * (process.exitcode != 0)}", flush=True)
        failed += process.exitcode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
