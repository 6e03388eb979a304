"""The two ways in which prose and tables are written for a paper: Markdown and LaTeX."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from robustbench_mt.visible import visible

__all__ = ["LATEX", "MARKDOWN", "Dialect"]


class Dialect(ABC):
    """How text is escaped, and what a heading, a citation and a name look like."""

    @abstractmethod
    def escape(self, text: str) -> str:
        """Text that is shown as it is, on one line; unseen characters are spelt out."""

    @abstractmethod
    def heading(self, text: str) -> str:
        """The title of a paragraph."""

    @abstractmethod
    def cite(self, keys: Sequence[str]) -> str:
        """A citation with the space before it."""

    @abstractmethod
    def code(self, text: str) -> str:
        """A name as a program has it."""


class _Markdown(Dialect):
    """With citations as pandoc reads them."""

    def escape(self, text: str) -> str:
        marked = re.sub(r"[\\`*|\[\]~$^@]|(?<!\w)_|_(?!\w)", r"\\\g<0>", _on_one_line(text))
        return marked.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def heading(self, text: str) -> str:
        return f"**{self.escape(text)}.**"

    def cite(self, keys: Sequence[str]) -> str:
        return f" [{'; '.join(f'@{key}' for key in keys)}]"

    def code(self, text: str) -> str:
        shown = _on_one_line(text)
        # A backtick ends the code, unless more of them stand around it.
        longest = max((len(run) for run in re.findall("`+", shown)), default=0)
        fence = "`" * (longest + 1)
        return f"{fence} {shown} {fence}" if longest else f"`{shown}`"


class _LaTeX(Dialect):
    """For pdflatex as for newer engines: what pdflatex cannot set is spelt out."""

    def escape(self, text: str) -> str:
        shown = "".join(_LATEX.get(character) or _settable(character) for character in _on_one_line(text))
        # Two hyphens would become a dash.
        return shown.replace("--", "-{}-")

    def heading(self, text: str) -> str:
        return rf"\paragraph{{{self.escape(text)}.}}"

    def cite(self, keys: Sequence[str]) -> str:
        return rf"~\cite{{{','.join(keys)}}}"

    def code(self, text: str) -> str:
        # A line may break after the characters that join the parts of a name.
        breakable = re.sub(r"\\_|[:=/,-]", r"\g<0>\\allowbreak{}", self.escape(text))
        return rf"\texttt{{{breakable}}}"


MARKDOWN: Dialect = _Markdown()
LATEX: Dialect = _LaTeX()

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # After the end of a line a bracket would begin an argument, and a star belong to it.
    "*": "{*}",
    "[": "{[}",
    "]": "{]}",
    '"': "''",
    "`": r"\textasciigrave{}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\ldots{}",
    "’": "'",
    "‘": "`",
    "“": "``",
    "”": "''",
    "⟨": r"\textlangle{}",
    "⟩": r"\textrangle{}",
    "±": r"\textpm{}",
    "×": r"\texttimes{}",
    "→": r"\textrightarrow{}",
}


def _on_one_line(text: str) -> str:
    return " ".join(visible(text).split())


def _settable(character: str) -> str:
    # The letters that OT1, LaTeX's oldest encoding, can compose.
    composed = "À" <= character <= "ÿ" and character not in "ÐðÞþ×÷"
    return character if character.isascii() or composed else f"{{[}}U+{ord(character):04X}{{]}}"
