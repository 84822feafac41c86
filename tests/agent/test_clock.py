"""The machine's clocks and dice."""

from datetime import UTC, timedelta

from agent.clock import SystemClock, SystemDice


def test_age_never_goes_back() -> None:
    """Two readings in a row are in order, and the wall clock is aware."""
    clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert second.age >= first.age > timedelta(0)
    assert first.utc.tzinfo is UTC


def test_the_wall_clock_is_corrected_by_the_skew() -> None:
    """Age is not: turns and timeouts never jump."""
    skewed = SystemClock(lambda: timedelta(hours=2)).now()
    plain = SystemClock(lambda: None).now()
    assert timedelta(hours=1) < skewed.utc - plain.utc < timedelta(hours=3)
    assert abs(skewed.age - plain.age) < timedelta(hours=1)


def test_tokens_are_128_bits_of_base64url() -> None:
    """22 characters, and never twice the same."""
    dice = SystemDice()
    tokens = {dice.token() for _ in range(200)}
    assert len(tokens) == 200
    assert {len(token) for token in tokens} == {22}


def test_draws_stay_between_their_bounds() -> None:
    """Uniform on [low, high], also where there is nothing to choose."""
    dice = SystemDice()
    low, high = timedelta(seconds=1), timedelta(seconds=1, microseconds=3)
    drawn = {dice.between(low, high) for _ in range(400)}
    assert drawn == {low + timedelta(microseconds=n) for n in range(4)}
    assert dice.between(low, low) == low
    assert dice.between(high, low) == high
