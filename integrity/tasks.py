"""The tasks of integrity: thin, and safe to run twice."""

from integrity.models import Run
from integrity.runs import work_run


def work(pk: int) -> None:
    """Works the run, unless somebody has."""
    work_run(Run.objects.get(pk=pk))
