"""What keeps a door from opening."""


class DoorError(Exception):
    """Root of this room's errors; its text is one line for a person."""


class Misplaced(DoorError):
    """There is nothing to listen at or to watch; the text says what would be right."""
