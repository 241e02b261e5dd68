"""What is wrong with a message, by the codes of HL7's table 0357."""

from publisher_app.formats.mapping import NoEvent

SEQUENCE, REQUIRED, DATA_TYPE, NOT_FOUND = 100, 101, 102, 103
TYPE, EVENT, PROCESSING, VERSION = 200, 201, 202, 203


class Wrong(NoEvent):
    """A message, or a part of it, can't be taken; the text says why, and names no patient."""

    def __init__(self, code: int, where: str, why: str) -> None:
        """``where`` is a place in HL7's words: ``RXA-5``."""
        super().__init__(f"{where}: {why}")
        self.code = code
        self.where = where

    @property
    def is_refusal(self) -> bool:
        """Whether no such message is taken, whatever is in it."""
        return self.code >= TYPE
