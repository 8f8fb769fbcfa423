"""The error that services raise for a user."""


class Refused(Exception):
    """A service will not do what was asked, and nothing was changed. The message is for the user."""
