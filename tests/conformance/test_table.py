"""The table of statements fits the tests."""

from conformance import table


def test_every_statement_has_a_test_or_a_reason():
    assert list(table.problems()) == []


def test_the_table_is_current():
    assert table.TABLE.read_text() == table.table(), "run tests/conformance/table.py --write"
