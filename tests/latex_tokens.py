"""A strict little reader of LaTeX: what would make pdflatex stop, or set another character than was meant."""

import re

__all__ = ["check_latex"]

# What the project's own LaTeX may use; anything else came from a text that was not escaped.
COMMANDS = re.compile(
    "section|paragraph|cite|texttt|textbf|allowbreak|caption|label|ref|begin|end|toprule|midrule|bottomrule"
    "|centering|small|scriptsize|setlength|tabcolsep|belowcaptionskip|hspace|resizebox"
    "|ifdim|width|linewidth|else|fi|shortstack|multicolumn"
    "|textbackslash|textasciicircum|textasciitilde|textless|textgreater|textbar|textasciigrave|textendash|textemdash"
    "|ldots|textlangle|textrangle|textpm|texttimes|textrightarrow|textminus"
)
TOKEN = re.compile(r"\\([A-Za-z]+)|\\(.)|([{}])|(%[^\n]*\n)|(.)", re.DOTALL)


def check_latex(text: str) -> None:
    """Raise an ``AssertionError`` for unbalanced braces, unknown commands, and special characters that stand alone."""
    depth, tabular, environments = 0, 0, []
    for match in TOKEN.finditer(text):
        command, symbol, brace, comment, character = match.groups()
        where = text[max(0, match.start() - 40) : match.end() + 20]
        if command:
            assert COMMANDS.fullmatch(command), (command, where)
            if command in ("begin", "end"):
                name = re.match(r"\{([a-z]+\*?)\}", text[match.end() :])
                assert name, where
                if command == "begin":
                    environments.append(name[1])
                else:
                    assert environments.pop() == name[1], where
                tabular = environments.count("tabular")
        elif symbol:
            assert symbol in "{}$&#%_\\", where
        elif brace:
            depth += 1 if brace == "{" else -1
            assert depth >= 0, where
        elif comment:
            # Ours only: the first line, and one that ends a line.
            assert match.start() == 0 or text[match.start() - 1] == "{", where
        else:
            assert character not in "$#^_~" or (
                character == "~" and text.startswith((r"~\cite", r"~\ref"), match.start())
            ), where
            assert character != "&" or tabular, where
            assert character in "\n" or " " <= character <= "~" or "À" <= character <= "ÿ", where
    assert depth == 0 and not environments
