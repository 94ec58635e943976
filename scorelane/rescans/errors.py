"""Why a rescan cannot be."""

from scorelane.choosing import ChoiceError


class RescanError(ChoiceError):
    """A rescan that cannot be; its text is one line for a person, `field` the argument that is wrong, where one is."""
