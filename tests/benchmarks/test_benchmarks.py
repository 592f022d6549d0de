"""Each benchmark runs, quickly, and measures something."""

import json

import pytest

from vigie_shared import bench


@pytest.mark.benchmark
@pytest.mark.parametrize("name", bench.names())
def test_it_measures_something(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main([name, "--quick", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:]
    assert {line["bench"] for line in lines[1:]} == {name}
