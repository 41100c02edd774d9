"""A thousand random calls; ``make fuzz`` makes twenty thousand."""

import pytest
from fuzz.calls import FINE
from fuzz.runner import outcome_of

CALLS, BATCH = 1000, 50


@pytest.mark.parametrize("first", range(0, CALLS, BATCH))
def test_random_calls_are_right_or_refused(first):
    bad = {seed: outcome for seed in range(first, first + BATCH) if (outcome := outcome_of(seed)).kind not in FINE}
    assert not bad, "\n".join(f"seed {seed}: {each.kind}: {each.text}: {each.detail}" for seed, each in bad.items())
