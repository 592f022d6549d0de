"""What no test may leave behind: a blocked loop, a thread, a task, a descriptor, a changed environment.

Each guard is a fixture that every test runs under (`tests/conftest.py`); `test_guards.py` proves that each one fires.
"""
