import pytest
from wire.packets import V31


@pytest.fixture
def version():
    return V31
