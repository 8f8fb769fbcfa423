"""For the settings of the log, which are read before any model."""

import logging


class WithoutTraceback(logging.Filter):
    """For what is refused every day and is no error of ours: one line."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True
