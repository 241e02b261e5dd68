"""What ends the publishing of an input before its end; publishing it again is safe."""


class Failure(Exception):
    """An input was not published to its end; the text says why, in one line."""


class UnreadableInput(Failure):
    """The input can't be read, or not any further."""


class NotConfirmed(Failure):
    """RabbitMQ has not confirmed a message."""


class RejectsNotWritten(Failure):
    """What is rejected can't be kept."""


class TakenElsewhere(UnreadableInput):
    """An input is read, but not here; the text says where."""
