"""Why a call is not let in, or a key not made."""


class AccessError(Exception):
    """Root of this room's errors; its text is one line for a person."""


class Denied(AccessError):
    """The key does not exist, is revoked or expired, or its secret is wrong. The text never says which."""


class Rejected(AccessError):
    """What was asked for a key cannot be; the text says what would be right."""
