"""Records for other programs."""

from pathlib import Path
from typing import Annotated

from cyclopts import App

from robustbench_mt.commands.parameters import REQUIRED
from robustbench_mt.record_export import ExportKind

__all__ = ["records"]

records = App(name="records", help="Hand the records of runs to other programs.")


@records.command
def export(directory: Annotated[tuple[Path, ...], REQUIRED], *, out: Path, kind: ExportKind = "attacks") -> None:
    """Write the records of one or more runs as a Parquet file, one row a record.

    Args:
        directory: a run's directory; give several for several.
        out: the file, which ends in .parquet; one that is there is replaced.
        kind: of the records: attacks (one row an attacked example), evaluations, trainings, curves or
            batch-dependence.
    """
    from robustbench_mt.record_export import export_records

    count = export_records(directory, out, kind)
    print(f"{out}: {count:,} rows")
