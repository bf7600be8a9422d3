"""The marker that ties a test to the normative statements that it holds."""

import pytest


def statement(*numbers_and_version):
    """@statement("MQTT-3.1.2-4", "5.0"): numbers as in appendix B, then the version."""
    *numbers, version = numbers_and_version
    return pytest.mark.statement(*numbers, version=version)
