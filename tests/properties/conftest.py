from tests.distribution.conftest import make, module

__all__ = ["make", "module"]
