import pytest
from wire.packets import V311


@pytest.fixture
def version():
    return V311
