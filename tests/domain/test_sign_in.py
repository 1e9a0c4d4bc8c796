"""Guessing is slowed, stopped and forgotten; a code counts once."""

from datetime import UTC, datetime

from app.domain.sign_in import STEP, WAITS, Guarded, steps_at

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_after_three_wrong_tries_the_next_has_to_wait_longer_and_longer_but_never_for_good():
    guarded, waits = Guarded(), []
    for _ in range(9):
        guarded = guarded.failed(NOW)
        waits.append(guarded.wait(NOW))
    assert waits == [None, None, WAITS[0], WAITS[1], *[WAITS[2]] * 5]
    assert guarded.wait(NOW + WAITS[2]) is None


def test_a_code_of_a_clock_that_is_a_little_wrong_is_good_and_none_that_was_used():
    step = int(NOW.timestamp()) // STEP
    assert steps_at(NOW, 0) == (step, step - 1, step + 1)
    assert steps_at(NOW, step) == (step + 1,)
    assert steps_at(NOW, step + 1) == ()
