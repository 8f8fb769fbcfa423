"""All plants by the check that they are for. At least five different ones for each."""

from tests.integrity.plants import (
    counts,
    covering,
    customers,
    history,
    life,
    links,
    outcomes,
    requests,
    reservations,
    tasks,
)

FILES = (history, life, links, requests, customers, reservations, covering, outcomes, counts, tasks)
PLANTS = {code: plants for file in FILES for code, plants in file.PLANTS.items()}
