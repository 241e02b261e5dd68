"""What a new operator asks of each command, below its help."""

from textwrap import fill

_WIDTH = 76
_LABEL_WIDTH = 13
# To click, the mark of a paragraph whose lines stay as they are.
_AS_IT_IS = "\b"


def guidance(
    *, when: str, needs: str, consumers: str, example: str, exit_status: str = "0 done, 2 failed"
) -> str:
    """Lay the answers out: when one uses it, what it needs, whether consumers may run meanwhile."""
    answers = {
        "When": when,
        "Needs": needs,
        "Consumers": consumers,
        "Exit status": exit_status,
        "Example": f"python -m consumer_app {example}",
    }
    return "\n".join([_AS_IT_IS, *(_line(label, answer) for label, answer in answers.items())])


def _line(label: str, answer: str) -> str:
    indent = " " * _LABEL_WIDTH
    return fill(
        f"{label + ':':{_LABEL_WIDTH}}{answer}",
        _WIDTH,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
